/** Results as files. */

import type { Exhibit } from "./queue";

const COLUMNS = ["file", "status", "verdict", "reason", "p_fake", "faces", "sha256", "detail"];

/** Without it, Excel takes the text for another encoding than UTF-8. */
const BYTE_ORDER_MARK = "\ufeff";

const FETCHED_MS = 60_000;

/** One line per photo, as RFC 4180 has it. */
export function toCsv(exhibits: readonly Exhibit[]): string {
  const rows = exhibits.map(({ file, progress }) => {
    switch (progress.step) {
      case "done": {
        const { verdict, reason, p_fake, faces, sha256, detail } = progress.answer;
        return [file.name, "done", verdict, reason, p_fake, faces.length, sha256, detail];
      }
      case "failed":
        return [file.name, "failed", null, progress.code, null, null, null, progress.detail];
      default:
        return [file.name, progress.step, null, null, null, null, null, null];
    }
  });
  const lines = [COLUMNS, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`);
  return BYTE_ORDER_MARK + lines.join("");
}

/** One object per photo: the server's answer, or the code of what went wrong. */
export function toJson(exhibits: readonly Exhibit[]): string {
  const results = exhibits.map(({ file, progress }) =>
    progress.step === "done"
      ? { ...progress.answer, file: file.name }
      : { file: file.name, ...progress },
  );
  return JSON.stringify(results, null, 2);
}

/** Hand a text to the visitor as a download. */
export function save(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text]));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // Safari fetches it only after this; by then it must not be gone.
  setTimeout(() => URL.revokeObjectURL(url), FETCHED_MS);
}

function cell(value: string | number | null): string {
  // A name such as "=cmd()" would be run as a formula by a spreadsheet; the apostrophe stops that.
  const text = String(value ?? "").replace(/^(?=[=+@\t\r-])/, typeof value === "string" ? "'" : "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
