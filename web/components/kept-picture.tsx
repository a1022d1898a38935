import { useState } from "react";
import { cn } from "@/lib/utils";

/** A picture of a job, which the server keeps for a while; then a plain field is in its place. */
export function KeptPicture(props: {
  url: string | undefined;
  alt: string;
  className?: string;
  onGone?: () => void;
}) {
  const { url, alt, className } = props;
  const [gone, setGone] = useState<string | null>(null);
  if (!url || gone === url) {
    return <span className={cn("block bg-bench", className)} />;
  }
  return (
    <img
      src={url}
      alt={alt}
      className={cn("block bg-bench object-cover", className)}
      onError={() => {
        setGone(url);
        props.onGone?.();
      }}
    />
  );
}
