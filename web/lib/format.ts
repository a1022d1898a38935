/** Numbers as the page prints them. */

const SPACE = "\u202f"; // narrow, no break: a number and its unit stay together

/** A fraction in percent. No answer is certain, so nothing reads 0.0 or 100.0. As with the others
 * here, `more` asks for digits beyond the usual ones. */
export function percent(fraction: number, more = 0): string {
  const least = 10 ** -(1 + more);
  const clamped = Math.min(Math.max(100 * fraction, least), 100 - least);
  return `${clamped.toFixed(1 + more)}${SPACE}%`;
}

/** A threshold or a rate in percent, with as many digits as it needs and no more; what is not all
 * is not 100. */
export function rate(fraction: number, more = 0): string {
  const rounded = Number((100 * fraction).toPrecision(2 + more));
  const shown = rounded === 100 && fraction < 1 ? Math.floor(1000 * fraction) / 10 : rounded;
  return `${shown}${SPACE}%`;
}

/** How many of 1,000: "about 10", "up to 26", "fewer than 1". */
export function perThousand(fraction: number, isLimit = false): string {
  const count = 1000 * fraction;
  return count < 0.5 ? "fewer than 1" : `${isLimit ? "up to" : "about"} ${Math.round(count)}`;
}

export function bytes(count: number): string {
  const units = ["bytes", "kB", "MB", "GB"];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : Number(value.toFixed(1))}${SPACE}${units[unit]}`;
}

export function seconds(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value.toFixed(0)}${SPACE}s`;
}

export function pixels(value: number, more = 0): string {
  return `${value.toFixed(more)}${SPACE}px`;
}

/** A measure without a unit. */
export function plain(value: number, more = 0): string {
  return value.toFixed(1 + more);
}

/** How many digits more than usual it takes to tell a value from a limit that it is not. */
export function digitsApart(
  value: number,
  limit: number,
  print: (value: number, more?: number) => string,
): number {
  let more = 0;
  while (more < 6 && value !== limit && print(value, more) === print(limit, more)) {
    more += 1;
  }
  return more;
}

export function signed(value: number): string {
  return `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(2)}`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** A moment of a video: 0:07.5, 12:03.0, 1:00:00.0. */
export function clock(timeS: number): string {
  const tenths = Math.round(10 * Math.max(0, timeS));
  const [hours, minutes] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** A time of the calendar, as the visitor writes it. */
export function moment(iso: string): string {
  return new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
