import { Component, type ReactNode } from "react";
import { Title } from "./title";
import { Button } from "./ui/button";

/** In place of the page, or of what is open on it, where a part does not arrive. The address, and so
 * the job, stays. */
export function Broken() {
  return (
    <section aria-labelledby="broken" className="max-w-2xl pt-12">
      <Title id="broken">This page broke off</Title>
      <p className="mt-5 text-lg leading-snug">
        A part of it did not arrive, or failed. Check that Unmask is still running, then load the
        page again. A job that was sent goes on without it.
      </p>
      <Button className="mt-6" onClick={() => window.location.reload()}>
        Load again
      </Button>
    </section>
  );
}

/** Keeps what breaks off from taking the rest of the page, and all that was found, along. */
export class Contained extends Component<{ children: ReactNode }, { isBroken: boolean }> {
  override state = { isBroken: false };

  static getDerivedStateFromError() {
    return { isBroken: true };
  }

  override render() {
    return this.state.isBroken ? <Broken /> : this.props.children;
  }
}
