import { ArrowLeft } from "lucide-react";
import { type Address, hashOf } from "@/lib/address";
import { cn } from "@/lib/utils";
import { buttonClass } from "./ui/button";

/** A way back that looks like a button. */
export function Back({ to, name }: { to: Address; name: string }) {
  return (
    <a href={hashOf(to)} className={cn(buttonClass(), "print:hidden")}>
      <ArrowLeft className="size-4" aria-hidden="true" />
      {name}
    </a>
  );
}
