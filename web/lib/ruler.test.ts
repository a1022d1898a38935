import { expect, it } from "vitest";
import { marks } from "./ruler";

it.each([
  [512, [0, 100, 200, 300, 400, 500]],
  [4000, [0, 1000, 2000, 3000, 4000]],
  [40, [0, 10, 20, 30, 40]],
  [3, [0, 1, 2, 3]],
  [1, [0, 1]],
])("marks %d px in round steps", (length, expected) => {
  expect(marks(length)).toEqual(expected);
});
