"use client";

import { useQuery } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import { useState, useSyncExternalStore } from "react";
import { type Address, addressOf, hashOf } from "@/lib/address";
import { endJob, getModel, startJob } from "@/lib/api";
import { type Clip, Clips, isOnItsWay } from "@/lib/clips";
import { count } from "@/lib/format";
import { Desk } from "./desk";
import { useWarning } from "./use-warning";

const loadJobView = () => import("./job-view").then(({ JobView }) => JobView);
const Videos = dynamic(() => import("./videos").then(({ Videos }) => Videos), { loading: Loading });
const JobView = dynamic(loadJobView, { loading: Loading });
const History = dynamic(() => import("./history").then(({ History }) => History), {
  loading: Loading,
});

const NONE: readonly Clip[] = [];

/** What the address names: the desk of photos, a video, or what was done before. */
export function Workbench() {
  const [clips] = useState(() => new Clips(startJob, endJob));
  const all = useSyncExternalStore(clips.subscribe, clips.snapshot, () => NONE);
  const hash = useSyncExternalStore(
    onHashChange,
    () => window.location.hash,
    () => "",
  );
  const address = addressOf(hash);
  const isDesk = address.view === "desk" || address.view === "photo";
  const model = useQuery({ queryKey: ["model"], queryFn: ({ signal }) => getModel(signal) });
  useWarning(all.some(isOnItsWay));

  function takeVideos(files: readonly File[]) {
    // Now, while the server is there: it may not be when the video has arrived.
    loadJobView().catch(() => {});
    clips.add(files, model.data?.limits.max_video_bytes ?? null);
    go({ view: "videos" });
  }

  return (
    <>
      {isDesk && all.length > 0 && (
        <p className="mt-5 border border-rule px-4 py-3 text-sm">
          <a href="#videos" className="underline decoration-edge underline-offset-4">
            {count(all.length, "video")}
          </a>{" "}
          {all.some(isOnItsWay) ? "on the way to the server" : "in this session"}
        </p>
      )}
      {/* The desk keeps its photos while something else is open. */}
      <Desk
        isHidden={!isDesk}
        openId={address.view === "photo" ? address.id : null}
        onVideos={takeVideos}
        onOpen={(id) => go(id === null ? { view: "desk" } : { view: "photo", id })}
      />
      {address.view === "videos" && <Videos clips={clips} all={all} />}
      {address.view === "job" && (
        <JobView
          key={address.id}
          id={address.id}
          file={address.file}
          clips={clips}
          all={all}
          card={model.data}
        />
      )}
      {address.view === "history" && <History limits={model.data?.limits} />}
    </>
  );
}

function go(address: Address) {
  if (hashOf(addressOf(window.location.hash)) !== hashOf(address)) {
    window.location.hash = hashOf(address);
  }
  window.scrollTo({ top: 0 });
}

function onHashChange(listener: () => void) {
  window.addEventListener("hashchange", listener);
  return () => window.removeEventListener("hashchange", listener);
}

function Loading() {
  return <div className="min-h-[60svh]" />;
}
