import { API_DOCS } from "@/lib/api";
import { ThemeSwitch } from "./theme-switch";

export function Header() {
  return (
    <header className="border-rule border-b">
      <div className="mx-auto flex h-16 max-w-6xl items-center gap-3 px-4 sm:gap-6 sm:px-6">
        {/* A plain link: starting over is a fresh page. */}
        <a href="/" className="flex items-center gap-2.5 font-serif text-2xl">
          <Mark />
          <span className="max-[22rem]:sr-only">Unmask</span>
        </a>
        <nav
          aria-label="Site"
          className="print:hidden ml-auto flex shrink-0 items-center gap-3 text-sm sm:gap-5"
        >
          {/* With its path: the page of an unknown address has this header too. */}
          <a
            href="/#history"
            className="text-muted underline-offset-4 hover:text-ink hover:underline"
          >
            History
          </a>
          <a
            href={API_DOCS}
            className="text-muted underline-offset-4 hover:text-ink hover:underline"
          >
            API
          </a>
          <ThemeSwitch />
        </nav>
      </div>
    </header>
  );
}

/** A face in a frame, half of it in doubt. */
function Mark() {
  return (
    <svg
      viewBox="0 0 32 32"
      className="size-6"
      fill="none"
      stroke="currentColor"
      aria-hidden="true"
    >
      <path d="M3 10V3h7M22 3h7v7M29 22v7h-7M10 29H3v-7" strokeWidth="2" />
      <path d="M16 8a8 8 0 0 0 0 16" strokeWidth="2.5" />
      <path d="M16 8a8 8 0 0 1 0 16" strokeWidth="2.5" strokeDasharray="2.2 2.6" />
    </svg>
  );
}
