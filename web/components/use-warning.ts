import { useEffect } from "react";

/** Ask before the page is left while something would be lost by it. */
export function useWarning(isNeeded: boolean) {
  useEffect(() => {
    if (!isNeeded) {
      return;
    }
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [isNeeded]);
}
