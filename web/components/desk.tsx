"use client";

import type { UseQueryResult } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useEffect, useState, useSyncExternalStore } from "react";
import { type Address, titleOf } from "@/lib/address";
import { detectImage, type ModelAnswer } from "@/lib/api";
import { type Brought, filesOf, isEditable, isVideo } from "@/lib/files";
import { isKept } from "@/lib/keep";
import { type Exhibit, isSettled, Queue } from "@/lib/queue";
import { advice, VERDICTS } from "@/lib/verdict";
import { Back } from "./back";
import { ExhibitView } from "./exhibit-view";
import { Names } from "./names";
import { Start } from "./start";
import { refocus } from "./title";
import { Tray } from "./tray";
import { Button, buttonClass } from "./ui/button";
import { FileInput } from "./ui/file-input";
import { useWarning } from "./use-warning";

const NONE: readonly Exhibit[] = [];

/** The desk: photos come in, and one of them, or the tray of all, lies open. */
export function Desk(props: {
  /** Something else is open; what is dropped is taken all the same. */
  isHidden: boolean;
  /** The photo that the address names. */
  openId: number | null;
  model: UseQueryResult<ModelAnswer>;
  onVideos: (videos: readonly File[]) => void;
  /** Open a photo, the tray of all, or the videos, from wherever it was asked for. */
  onOpen: (address: Address) => void;
}) {
  const [queue] = useState(() => new Queue((file, signal) => detectImage(file, isKept(), signal)));
  const exhibits = useSyncExternalStore(queue.subscribe, queue.snapshot, () => NONE);
  const { model } = props;
  const limits = model.data?.limits;
  // A single photo is soon sent again, a batch is not.
  useWarning(exhibits.length > 1 && !exhibits.every(isSettled));
  // An only photo needs no address.
  const open = exhibits.length === 1 ? exhibits[0] : exhibits.find(({ id }) => id === props.openId);

  const [unopened, setUnopened] = useState<readonly string[]>([]);

  async function take({ files, unopened }: Brought) {
    if (files.length === 0 && unopened.length === 0) {
      return;
    }
    setUnopened(unopened);
    const areVideos = await Promise.all(files.map(isVideo));
    const videos = files.filter((_, index) => areVideos[index]);
    const photos = files.filter((_, index) => !areVideos[index]);
    if (videos.length > 0) {
      props.onVideos(videos);
      if (photos.length === 0) {
        props.onOpen({ view: "videos" });
      }
    }
    if (photos.length > 0) {
      const isFirst = queue.snapshot().length === 0;
      const [id, ...others] = queue.add(photos, limits?.max_image_bytes ?? null);
      const isOne = !isFirst && id !== undefined && others.length === 0;
      props.onOpen(isOne ? { view: "photo", id } : { view: "desk" });
    }
  }

  const choose = (files: File[]) => void take({ files, unopened: [] });
  const isDragging = useIncoming(take);
  return (
    <>
      {/* Not by the address: an only photo has none, and one of a session that is over is not there. */}
      {!props.isHidden && <title>{titleOf(open ? "photo" : "desk")}</title>}
      {isDragging && <DropVeil />}
      {unopened.length > 0 && (
        <p role="alert" className="mt-5 max-w-prose break-words text-fake text-sm">
          <Names of={unopened.slice(0, 3)} />
          {unopened.length > 3 && ` and ${unopened.length - 3} more`} could not be opened and{" "}
          {unopened.length === 1 ? "was" : "were"} not analysed. Perhaps you may not read{" "}
          {unopened.length === 1 ? "it" : "them"}.
        </p>
      )}
      <div hidden={props.isHidden}>
        <p role="status" className="sr-only">
          {open && announcement(open)}
        </p>
        {exhibits.length === 0 ? (
          <Start model={model} onFiles={choose} />
        ) : (
          <>
            <div className="flex flex-wrap items-center gap-3 py-5 print:hidden">
              {open && exhibits.length > 1 && (
                <Back to={{ view: "desk" }} name={`All ${exhibits.length} photos`} />
              )}
              <FileInput label="Add photos" className={buttonClass()} onFiles={choose} multiple>
                <Plus className="size-4" aria-hidden="true" />
                Add photos
              </FileInput>
              <Button
                onClick={() => {
                  setUnopened([]);
                  queue.clear();
                  refocus();
                }}
              >
                Start over
              </Button>
            </div>
            {open && (
              <ExhibitView
                key={open.id}
                exhibit={open}
                card={model.data}
                onRetry={() => queue.retry(open.id)}
              />
            )}
            {/* The tray keeps its order, its filter and its page while a photo lies open. */}
            {exhibits.length > 1 && (
              <div hidden={open !== undefined}>
                <Tray
                  exhibits={exhibits}
                  openId={open?.id ?? null}
                  onOpen={(id) => props.onOpen({ view: "photo", id })}
                  onRetry={(ids) => {
                    for (const id of ids) {
                      queue.retry(id);
                    }
                  }}
                  onStop={() => queue.stop()}
                />
              </div>
            )}
          </>
        )}
      </div>
    </>
  );
}

/** Take what is dropped or pasted anywhere; true while something hangs over the page. */
function useIncoming(onBrought: (brought: Brought) => void): boolean {
  const [isDragging, setDragging] = useState(false);
  useEffect(() => {
    const over = (event: DragEvent) => {
      if (hasFiles(event.dataTransfer)) {
        event.preventDefault();
        setDragging(true);
      }
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) {
        setDragging(false);
      }
    };
    const drop = async (event: DragEvent) => {
      setDragging(false);
      if (hasFiles(event.dataTransfer)) {
        event.preventDefault();
        onBrought(await filesOf(event.dataTransfer));
      }
    };
    const paste = async (event: ClipboardEvent) => {
      // Text that comes with a picture of itself is text, where that is asked for.
      if (hasFiles(event.clipboardData) && !isEditable(event.target)) {
        onBrought(await filesOf(event.clipboardData));
      }
    };
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", drop);
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("dragover", over);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("drop", drop);
      document.removeEventListener("paste", paste);
    };
  }, [onBrought]);
  return isDragging;
}

function hasFiles(transfer: DataTransfer | null): transfer is DataTransfer {
  return transfer?.types.includes("Files") ?? false;
}

function DropVeil() {
  return (
    <div className="pointer-events-none fixed inset-0 z-50 grid place-items-center bg-paper/90 p-6">
      <div className="registered grid size-full place-items-center">
        <p className="font-serif text-4xl">Let go to analyse</p>
      </div>
    </div>
  );
}

function announcement({ file, progress }: Exhibit): string {
  switch (progress.step) {
    case "done":
      return `${file.name}: ${VERDICTS[progress.answer.verdict]}`;
    case "failed":
      return `${file.name}: ${advice(progress.code).title}`;
    default:
      return `Analysing ${file.name}`;
  }
}
