/** The order and the pages of many photos. */

import type { Exhibit } from "./queue";
import { VERDICT_ORDER } from "./verdict";

export type Column = "name" | "finding" | "probability" | "faces" | "size";

export interface Order {
  column: Column;
  descending: boolean;
}

/** The order after a click on a column: the way a person wants it first, then the other. */
export function clicked(order: Order | null, column: Column): Order {
  return order?.column === column
    ? { column, descending: !order.descending }
    : { column, descending: column !== "name" && column !== "finding" };
}

/** In order; what has no value in the column stays last, whichever way it runs. */
export function sorted(exhibits: readonly Exhibit[], order: Order | null): readonly Exhibit[] {
  if (order === null) {
    return exhibits;
  }
  const sign = order.descending ? -1 : 1;
  const keyed = exhibits.map((exhibit) => ({ exhibit, key: KEYS[order.column](exhibit) }));
  keyed.sort((a, b) =>
    a.key === null || b.key === null
      ? Number(a.key === null) - Number(b.key === null)
      : sign * compare(a.key, b.key),
  );
  return keyed.map(({ exhibit }) => exhibit);
}

/** A part of a list by its number from 0, or the last one there is. */
export function page<Item>(items: readonly Item[], wanted: number, perPage: number) {
  const last = Math.max(0, Math.ceil(items.length / perPage) - 1);
  const number = Math.min(wanted, last);
  const first = number * perPage;
  return { number, last, first, shown: items.slice(first, first + perPage) };
}

const FAILED = VERDICT_ORDER.length;

const KEYS: Record<Column, (exhibit: Exhibit) => string | number | null> = {
  name: ({ file }) => file.name,
  finding: ({ progress }) => {
    switch (progress.step) {
      case "done":
        return VERDICT_ORDER.indexOf(progress.answer.verdict);
      case "failed":
        return FAILED;
      default:
        return null;
    }
  },
  probability: ({ progress }) => (progress.step === "done" ? progress.answer.p_fake : null),
  faces: ({ progress }) => (progress.step === "done" ? progress.answer.faces.length : null),
  size: ({ file }) => file.size,
};

// "photo 9" comes before "photo 10".
const NAMES = new Intl.Collator("en", { numeric: true });

function compare(a: string | number, b: string | number): number {
  return typeof a === "number" && typeof b === "number" ? a - b : NAMES.compare(`${a}`, `${b}`);
}
