import { describe, expect, it } from "vitest";
import { type Address, addressOf, hashOf, titleOf } from "./address";

const ADDRESSES: Address[] = [
  { view: "desk" },
  { view: "photo", id: 12 },
  { view: "videos" },
  { view: "history" },
  { view: "job", id: "00ff", file: null },
  { view: "job", id: "00ff", file: 3 },
];

it("calls each view by a name of its own", () => {
  const titles = new Set(ADDRESSES.map(({ view }) => titleOf(view)));
  expect(titles.size).toBe(new Set(ADDRESSES.map(({ view }) => view)).size);
});

describe("addresses", () => {
  it.each(ADDRESSES)("%j is found again", (address) => {
    expect(addressOf(hashOf(address))).toEqual(address);
  });

  it.each(["", "#", "#main", "#photo=", "#photo=x", "#job=", "#job=../x", "#job=00ff&file=-1"])(
    "%j is the desk",
    (hash) => expect(addressOf(hash)).toEqual({ view: "desk" }),
  );
});
