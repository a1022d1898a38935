import { Toggle } from "@base-ui/react/toggle";
import { ToggleGroup } from "@base-ui/react/toggle-group";
import type { ReactNode } from "react";

interface Option<Value extends string> {
  value: Value;
  label: string;
  icon?: ReactNode;
}

/** One of a few, all in view. */
export function Segmented<Value extends string>(props: {
  label: string;
  options: readonly Option<Value>[];
  value: Value;
  onChange: (value: Value) => void;
}) {
  return (
    <ToggleGroup
      aria-label={props.label}
      className="inline-flex flex-wrap border border-edge"
      value={[props.value]}
      onValueChange={([value]) => value && props.onChange(value as Value)}
    >
      {props.options.map(({ value, label, icon }) => (
        <Toggle
          key={value}
          value={value}
          aria-label={icon ? label : undefined}
          title={icon ? label : undefined}
          className="flex min-h-8 min-w-8 items-center justify-center px-2 text-muted text-sm hover:text-ink data-pressed:bg-ink data-pressed:text-paper data-pressed:forced-color-adjust-none"
        >
          {icon ?? label}
        </Toggle>
      ))}
    </ToggleGroup>
  );
}
