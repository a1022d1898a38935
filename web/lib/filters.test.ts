import { expect, it } from "vitest";
import { filters } from "./filters";

it("offers all, and of the outcomes those that are there", () => {
  const offered = filters(
    ["b", null, "a", "b"],
    [
      ["a", "first"],
      ["b", "second"],
      ["c", "third"],
    ],
  );
  expect(offered.map(({ value, label }) => [value, label])).toEqual([
    ["all", "all"],
    ["a", "1 first"],
    ["b", "2 second"],
  ]);
});
