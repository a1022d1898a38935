"use client";

import { useQuery } from "@tanstack/react-query";
import dynamic from "next/dynamic";
import { useState, useSyncExternalStore } from "react";
import { type Address, addressOf, hashOf, titleOf } from "@/lib/address";
import { endJob, getModel, startJob } from "@/lib/api";
import { type Clip, Clips, isOnItsWay } from "@/lib/clips";
import { count } from "@/lib/format";
import { Contained } from "./broken";
import { Desk } from "./desk";
import { useWarning } from "./use-warning";

const loadVideos = () => import("./videos").then(({ Videos }) => Videos);
const loadJobView = () => import("./job-view").then(({ JobView }) => JobView);
const loadHistory = () => import("./history").then(({ History }) => History);
const Videos = dynamic(loadVideos, { loading: Loading });
const JobView = dynamic(loadJobView, { loading: Loading });
const History = dynamic(loadHistory, { loading: Loading });

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
    clips.add(files, model.data?.limits.max_video_bytes ?? null);
  }

  function open(address: Address) {
    loadViews();
    go(address);
  }

  return (
    <>
      {!isDesk && <title>{titleOf(address.view)}</title>}
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
        model={model}
        onVideos={takeVideos}
        onOpen={open}
      />
      <Contained key={address.view === "job" ? address.id : address.view}>
        {address.view === "videos" && <Videos clips={clips} all={all} />}
        {address.view === "job" && (
          <JobView id={address.id} file={address.file} clips={clips} all={all} card={model.data} />
        )}
        {address.view === "history" && <History model={model} />}
      </Contained>
    </>
  );
}

/** Now that there is something to lose, and while the server is there: later it may not be. */
function loadViews() {
  for (const load of [loadVideos, loadJobView, loadHistory]) {
    load().catch(() => {});
  }
}

function go(address: Address) {
  if (hashOf(addressOf(window.location.hash)) !== hashOf(address)) {
    window.location.hash = hashOf(address);
  }
  window.scrollTo({ top: 0 });
}

function onHashChange(listener: () => void) {
  // What a link leads to is shown from its top; back and forward lead to where one was.
  let isLink = false;
  const note = ({ target }: MouseEvent) => {
    isLink = target instanceof Element && target.closest("a") !== null;
  };
  const change = () => {
    if (isLink) {
      window.scrollTo({ top: 0 });
    }
    isLink = false;
    listener();
  };
  document.addEventListener("click", note);
  window.addEventListener("hashchange", change);
  return () => {
    document.removeEventListener("click", note);
    window.removeEventListener("hashchange", change);
  };
}

function Loading() {
  return <div className="min-h-[60svh]" />;
}
