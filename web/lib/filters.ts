/** Lists sifted by what came of each entry. */

/** What of a list can be shown: all, or one of the outcomes that are there, with how many. */
export function filters<Outcome extends string>(
  outcomes: readonly (Outcome | null)[],
  labels: readonly (readonly [Outcome, string])[],
): { value: Outcome | "all"; label: string }[] {
  const counted = labels.map(([value, label]) => {
    const n = outcomes.filter((outcome) => outcome === value).length;
    return { value, label: `${n} ${label}`, n };
  });
  return [{ value: "all", label: "all" }, ...counted.filter(({ n }) => n > 0)];
}
