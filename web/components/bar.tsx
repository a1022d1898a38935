/** How far something is; without a `value` that is not known yet. */
export function Bar(props: { label: string; value?: number; max?: number }) {
  const { label, value, max = 1 } = props;
  return (
    <div className="forced-color-adjust-none relative h-1 overflow-hidden bg-rule">
      <progress className="sr-only" aria-label={label} value={value} max={max} />
      {value === undefined ? (
        <div className="h-full w-1/4 bg-ink motion-safe:animate-sweep" />
      ) : (
        <div
          className="h-full bg-ink motion-safe:transition-[width] motion-safe:duration-300"
          style={{ width: `${(100 * value) / max}%` }}
        />
      )}
    </div>
  );
}
