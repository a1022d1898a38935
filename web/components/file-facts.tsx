import type { ReactNode } from "react";
import type { ImageAnswer } from "@/lib/api";
import { bytes } from "@/lib/format";
import { type Fact, Facts } from "./facts";

/** What the file says of its making; anyone can write that. */
const CAMERA = {
  make: "Camera make",
  model: "Camera model",
  software: "Software",
  date: "Dated",
};

/** Which photo this was, and what judged it. */
export function FileFacts(props: { name: string; answer: ImageAnswer; kept: ReactNode }) {
  const { name, answer } = props;
  const { width, height, format, n_bytes, camera } = answer.image;
  const shape = `${width} × ${height} px, ${format}`;
  const file: Fact[] = [
    ["Picture", n_bytes === null ? shape : `${shape}, ${bytes(n_bytes)}`],
    ...Object.entries(CAMERA).flatMap(([key, called]): Fact[] => {
      const value = camera[key];
      return value ? [[called, value]] : [];
    }),
  ];
  return <Facts name={name} report={answer} file={file} kept={props.kept} className="mt-4" />;
}
