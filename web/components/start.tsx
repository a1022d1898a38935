import type { UseQueryResult } from "@tanstack/react-query";
import { Camera, FolderOpen, ImageUp } from "lucide-react";
import { useState, useSyncExternalStore } from "react";
import { getExample, type ModelAnswer } from "@/lib/api";
import { bytes } from "@/lib/format";
import { isKept, onKeptChange, setKept } from "@/lib/keep";
import { advice } from "@/lib/verdict";
import { Explained } from "./explained";
import { Notice } from "./notice";
import { buttonClass } from "./ui/button";
import { FileInput } from "./ui/file-input";

type Files = (files: File[]) => void;

/** The empty desk: where photos go, three to try, and what to expect. */
export function Start({ model, onFiles }: { model: UseQueryResult<ModelAnswer>; onFiles: Files }) {
  const limits = model.data?.limits;
  return (
    <>
      {model.error && (
        <Notice
          error={model.error}
          words={advice}
          onRetry={() => void model.refetch()}
          className="mt-4"
        />
      )}
      <div className="mt-6 grid gap-4 sm:mt-8 lg:grid-cols-[minmax(0,1fr)_17rem]">
        <div className="registered relative flex min-h-[26rem] flex-col justify-between gap-10 bg-bench/50 p-6 sm:p-10">
          <div>
            <h1
              tabIndex={-1}
              className="font-serif text-[min(2.75rem,12vw)] leading-none sm:text-6xl lg:text-7xl"
            >
              Was this face manipulated?
            </h1>
            <p className="mt-5 max-w-xl text-lg leading-snug">
              Unmask looks at each face that it finds in a photo or a video and says whether it was
              likely manipulated, how sure that is, what could not be judged, and why. It says
              nothing about who made the picture, or about anything in it but faces.
            </p>
          </div>
          <div>
            {/* The whole zone is the target; the words above stay selectable by keyboard order. */}
            <FileInput
              label="Choose photos"
              className="absolute inset-0"
              onFiles={onFiles}
              multiple
            />
            <div className="flex flex-wrap items-center gap-3">
              <span className={`${buttonClass("primary")} pointer-events-none`} aria-hidden="true">
                <ImageUp className="size-4" />
                Choose photos
              </span>
              <FileInput
                label="Take a photo"
                className={`${buttonClass()} relative not-pointer-coarse:hidden`}
                onFiles={onFiles}
                accept="image/*" // with videos too, Android would offer its files and not the camera
                camera
              >
                <Camera className="size-4" aria-hidden="true" />
                Take a photo
              </FileInput>
              <FileInput
                label="Choose a folder"
                className={`${buttonClass()} relative pointer-coarse:hidden`}
                onFiles={onFiles}
                folder
              >
                <FolderOpen className="size-4" aria-hidden="true" />
                Choose a folder
              </FileInput>
              <p className="text-muted text-sm">or drop them anywhere on this page, or paste one</p>
            </div>
            <p className="mt-4 min-h-10 text-muted text-sm sm:min-h-5">
              {limits &&
                `${formats(limits.formats)}, up to ${bytes(limits.max_image_bytes)} each; videos as ${formats(limits.video_formats)}, up to ${bytes(limits.max_video_bytes)}`}
            </p>
            <div className="mt-2 min-h-10 sm:min-h-8">{limits?.keeps_answers && <Keep />}</div>
          </div>
        </div>
        <Examples onFiles={onFiles} />
      </div>
      <Explained card={model.data} />
    </>
  );
}

/** Whether the server may list what it finds. */
function Keep() {
  const keep = useSyncExternalStore(onKeptChange, isKept, () => true);
  return (
    <label className="relative flex min-h-8 w-fit items-center gap-2.5 text-sm">
      <input
        type="checkbox"
        className="size-4 accent-ink"
        checked={keep}
        onChange={({ target }) => setKept(target.checked)}
      />
      Keep findings on photos, not the photos, in the history
    </label>
  );
}

const EXAMPLES = [
  { name: "hopper.jpg", title: "A portrait", text: "as it was published" },
  { name: "astronaut.jpg", title: "Another portrait", text: "as it was published" },
  { name: "astronaut-fake.jpg", title: "The same portrait", text: "with a face blended in" },
];

function Examples({ onFiles }: { onFiles: Files }) {
  const [error, setError] = useState<Error | null>(null);
  const [isFetching, setFetching] = useState(false);
  const open = async (name: string) => {
    setFetching(true);
    setError(null);
    try {
      onFiles([await getExample(name)]);
    } catch (error) {
      setError(error instanceof Error ? error : new Error(String(error)));
    } finally {
      setFetching(false);
    }
  };
  return (
    <section aria-labelledby="examples" className="flex flex-col">
      <h2 id="examples" className="text-muted text-sm">
        Nothing at hand? Try one of these.
      </h2>
      <div className="mt-2 grid grow grid-cols-3 gap-2 sm:gap-4 lg:grid-cols-1">
        {EXAMPLES.map(({ name, title, text }) => (
          <button
            key={name}
            type="button"
            disabled={isFetching}
            onClick={() => open(name)}
            className="group relative flex min-h-40 overflow-hidden bg-bench text-left sm:min-h-56 lg:min-h-40"
          >
            {/* Beside the page's words there is no height to spare: no face goes under its title. */}
            <span className="absolute inset-0 overflow-hidden lg:relative lg:w-40 lg:shrink-0">
              <img
                src={`/examples/${name}`}
                alt=""
                className="absolute inset-0 size-full object-cover object-[50%_15%] motion-safe:transition-transform motion-safe:duration-300 group-hover:scale-[1.03]"
              />
            </span>
            <span className="absolute inset-x-0 bottom-0 bg-black/75 px-2 py-2 text-sm text-white leading-tight sm:px-3 lg:static lg:self-end lg:bg-transparent lg:text-ink">
              {title}
              <span className="block text-white/80 text-xs lg:text-muted">{text}</span>
            </span>
          </button>
        ))}
      </div>
      {error && (
        <p role="alert" className="mt-2 text-fake text-sm">
          {error.message}
        </p>
      )}
    </section>
  );
}

const SPELLED: Record<string, string> = { WEBP: "WebP", HEIF: "HEIC", WEBM: "WebM" };

function formats(names: readonly string[]): string {
  const spelled = names.map((name) => SPELLED[name] ?? name);
  return `${spelled.slice(0, -1).join(", ")} or ${spelled.at(-1)}`;
}
