import { Fragment } from "react";

/** Names of files as text of their own: one that turns the direction of writing turns no other. */
export function Names({ of }: { of: readonly string[] }) {
  return of.map((name, index) => (
    <Fragment key={index}>
      {index > 0 && ", "}
      <bdi>{name}</bdi>
    </Fragment>
  ));
}
