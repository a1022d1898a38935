import { useState } from "react";
import { cn } from "@/lib/utils";

/** A picture that the server keeps for a while, or that a browser may not be able to show; without
 * it a plain field is in its place. */
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
      loading="lazy"
      decoding="async"
      className={cn("block bg-bench object-cover", className)}
      onError={() => {
        setGone(url);
        props.onGone?.();
      }}
    />
  );
}
