import { useState } from "react";
import type { JobImage, ModelAnswer } from "@/lib/api";
import { moment } from "@/lib/format";
import { ChooseAgain } from "./choose-again";
import { PhotoReport } from "./photo-report";
import { usePicture } from "./use-picture";

/** A photo that was judged before: what was found is kept, the picture is not. */
export function KeptPhoto(props: {
  photo: JobImage;
  card: ModelAnswer | undefined;
  expiresAt: string | null;
}) {
  const { photo, card, expiresAt } = props;
  const [file, setFile] = useState<File | null>(null);
  const url = usePicture(file);
  return (
    <PhotoReport
      name={photo.filename}
      answer={photo}
      url={url}
      card={card}
      kept={expiresAt ? `until ${moment(expiresAt)}` : "on the server"}
    >
      {!file && photo.image.width !== null && (
        <div className="bg-bench">
          <ChooseAgain
            kind="photo"
            hash={photo.sha256}
            nBytes={photo.image.n_bytes}
            onFile={setFile}
          />
        </div>
      )}
    </PhotoReport>
  );
}
