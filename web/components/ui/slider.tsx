import { Slider as Base } from "@base-ui/react/slider";

/** A value from 0 to 1, shown in percent. */
export function Slider(props: { label: string; value: number; onChange: (value: number) => void }) {
  return (
    <Base.Root
      className="grid grow basis-64 grid-cols-[auto_1fr_3.5ch] items-center gap-3 text-sm"
      value={Math.round(100 * props.value)}
      onValueChange={(value) => props.onChange(value / 100)}
      thumbAlignment="edge-client-only"
    >
      <Base.Label>{props.label}</Base.Label>
      <Base.Control className="forced-color-adjust-none flex h-8 cursor-pointer touch-none items-center">
        <Base.Track className="relative h-px w-full bg-edge">
          <Base.Indicator className="h-0.75 -translate-y-px bg-ink" />
          <Base.Thumb className="h-5 w-2.5 bg-ink has-focus-visible:outline-2 has-focus-visible:outline-focus has-focus-visible:outline-offset-2" />
        </Base.Track>
      </Base.Control>
      <Base.Value className="reading text-right text-muted text-xs" />
    </Base.Root>
  );
}
