import { GeistMono } from "geist/font/mono";
import { GeistSans } from "geist/font/sans";
import { GeistSerifRegular } from "geist/font/serif/regular";
import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { Footer } from "@/components/footer";
import { Header } from "@/components/header";
import { Providers } from "@/components/providers";
import { SkipLink } from "@/components/skip-link";
import { cn } from "@/lib/utils";
import "./globals.css";

export const metadata: Metadata = {
  description:
    "Says, per face, whether a photo or video was manipulated, how sure it is, what it could not judge, and why.",
  robots: { index: false },
};

export const viewport: Viewport = {
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f6f6f6" },
    { media: "(prefers-color-scheme: dark)", color: "#121212" },
  ],
};

/** Runs before the first paint, so that a chosen theme does not flash. */
const THEME = `try{const t=localStorage.getItem("theme");if(t)document.documentElement.dataset.theme=t}catch{}`;

export default function RootLayout({ children }: { children: ReactNode }) {
  const fonts = cn(GeistSans.variable, GeistMono.variable, GeistSerifRegular.variable);
  return (
    <html lang="en" className={fonts} suppressHydrationWarning>
      <head>
        <script dangerouslySetInnerHTML={{ __html: THEME }} />
      </head>
      <body className="flex min-h-svh flex-col antialiased">
        <SkipLink />
        <Providers>
          <Header />
          <main
            id="main"
            className="mx-auto w-full max-w-6xl grow px-4 pb-20 outline-none sm:px-6 print:pt-5"
          >
            {children}
          </main>
          <Footer />
        </Providers>
      </body>
    </html>
  );
}
