import { useState } from "react";
import { sha256 } from "@/lib/files";
import { buttonClass } from "./ui/button";
import { FileInput } from "./ui/file-input";

/** What the server does not keep can be chosen again: it is shown here, and not sent. */
export function ChooseAgain(props: {
  kind: "photo" | "video";
  /** Of the file that was analysed. */
  hash: string | null;
  /** Of the same, where that is known. */
  nBytes?: number | null;
  onFile: (file: File) => void;
}) {
  const { kind, hash, nBytes, onFile } = props;
  const [standing, setStanding] = useState<"open" | "comparing" | "other" | "unreadable">("open");
  // Only pages from a safe origin may compute it; without it nobody knows whether it is the file.
  const canCompare = globalThis.crypto?.subtle !== undefined && hash !== null;
  async function take([file]: File[]) {
    if (!file) {
      return;
    }
    setStanding("comparing");
    try {
      const mayBe = typeof nBytes !== "number" || file.size === nBytes;
      const isSame = mayBe && (await sha256(file)) === hash;
      setStanding(isSame ? "open" : "other");
      if (isSame) {
        onFile(file);
      }
    } catch {
      setStanding("unreadable");
    }
  }
  return (
    <div className="p-6 text-center print:hidden">
      <p className="mx-auto max-w-prose text-sm">
        The server does not keep {kind}s.
        {canCompare && ` Choose this one again to ${USES[kind]}; it is not sent.`}
      </p>
      {canCompare && (
        <FileInput
          label={`Choose the ${kind} again`}
          accept={kind === "video" ? "video/*" : "image/*"}
          className={`${buttonClass()} mt-4`}
          onFiles={take}
        >
          Choose the {kind} again
        </FileInput>
      )}
      <p role="status" className="mt-3 text-muted text-sm empty:mt-0">
        {standing === "comparing" && "Comparing"}
      </p>
      {(standing === "other" || standing === "unreadable") && (
        <p role="alert" className="mt-3 text-fake text-sm">
          {standing === "unreadable"
            ? "This file could not be read."
            : "That is another file: its SHA-256 is not that of the one analysed."}
        </p>
      )}
    </div>
  );
}

const USES = {
  photo: "see it here, with the frames",
  video: "play it here, with the boxes",
};
