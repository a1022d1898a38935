import { AlertDialog } from "@base-ui/react/alert-dialog";
import { type ReactNode, useState } from "react";
import { Button, buttonClass } from "./button";

/** A button whose deed cannot be undone: it asks first. */
export function Confirm(props: {
  children: ReactNode;
  title: string;
  text: string;
  /** What the button of the dialog says. */
  deed: string;
  onConfirm: () => Promise<unknown>;
}) {
  const [isOpen, setOpen] = useState(false);
  const [isAtIt, setAtIt] = useState(false);
  const confirm = async () => {
    setAtIt(true);
    await props.onConfirm().finally(() => setAtIt(false));
    setOpen(false);
  };
  return (
    <AlertDialog.Root open={isOpen} onOpenChange={setOpen}>
      <AlertDialog.Trigger className={buttonClass()}>{props.children}</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="fixed inset-0 z-40 bg-black/60" />
        <AlertDialog.Popup className="-translate-1/2 fixed top-1/2 left-1/2 z-50 w-[min(28rem,calc(100vw-2rem))] border border-ink bg-paper p-6">
          <AlertDialog.Title className="font-serif text-3xl leading-tight">
            {props.title}
          </AlertDialog.Title>
          <AlertDialog.Description className="mt-3">{props.text}</AlertDialog.Description>
          <div className="mt-6 flex flex-wrap justify-end gap-3">
            <AlertDialog.Close className={buttonClass()}>Keep them</AlertDialog.Close>
            <Button look="primary" onClick={confirm} disabled={isAtIt}>
              {props.deed}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
