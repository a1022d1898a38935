"use client";

/** Past the header by keyboard. The address says what is open, so that it must not change. */
export function SkipLink() {
  return (
    // biome-ignore lint/a11y/useValidAnchor: it leads to the content; the handler spares the address.
    <a
      href="#main"
      className="sr-only z-10 bg-ink px-4 py-2 text-paper focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      onClick={(event) => {
        event.preventDefault();
        const main = document.getElementById("main");
        // Only for as long as it is needed: a click beside something must not put the focus there.
        main?.setAttribute("tabindex", "-1");
        main?.addEventListener("blur", () => main.removeAttribute("tabindex"), { once: true });
        main?.focus();
      }}
    >
      Skip to the content
    </a>
  );
}
