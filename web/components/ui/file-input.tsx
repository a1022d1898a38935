import type { ReactNode } from "react";
import { isHidden } from "@/lib/files";
import { cn } from "@/lib/utils";

/** A file input that looks like its label. */
export function FileInput(props: {
  label: string;
  onFiles: (files: File[]) => void;
  children?: ReactNode;
  className?: string;
  multiple?: boolean;
  camera?: boolean;
  /** Pick a folder; every file under it comes, but for hidden ones. */
  folder?: boolean;
  accept?: string;
}) {
  return (
    <label
      className={cn(
        "cursor-pointer has-focus-visible:outline-2 has-focus-visible:outline-focus has-focus-visible:outline-offset-2",
        props.className,
      )}
    >
      {props.children}
      <input
        type="file"
        accept={props.accept ?? "image/*,video/*"}
        className="sr-only"
        aria-label={props.label}
        multiple={props.multiple}
        capture={props.camera ? "environment" : undefined}
        {...(props.folder && { webkitdirectory: "" })}
        onChange={(event) => {
          const files = [...(event.target.files ?? [])];
          props.onFiles(props.folder ? files.filter((file) => !isHidden(file)) : files);
          event.target.value = ""; // so that the same file can be picked again
        }}
      />
    </label>
  );
}
