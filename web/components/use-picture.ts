import { useEffect, useState } from "react";
import { still } from "@/lib/still";

/** Where the browser finds the picture of a file, as it was judged: undefined until that is known,
 * null without a file. */
export function usePicture(file: Blob | null): string | null | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!file) {
      return;
    }
    let created: string | null = null;
    let isOver = false;
    void still(file).then((picture) => {
      if (!isOver) {
        created = URL.createObjectURL(picture);
        setUrl(created);
      }
    });
    return () => {
      isOver = true;
      if (created !== null) {
        URL.revokeObjectURL(created);
      }
    };
  }, [file]);
  return file && url;
}
