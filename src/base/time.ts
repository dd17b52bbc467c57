import type { Brand } from "./brand.ts";

/** A moment: milliseconds since the Unix epoch. */
export type Instant = Brand<number, "Instant">;
/** A length of time in milliseconds, never negative. */
export type Duration = Brand<number, "Duration">;

export const instant = (ms: number): Instant => ms as Instant;
export const millis = (ms: number): Duration => Math.max(0, ms) as Duration;
export const seconds = (s: number): Duration => millis(s * 1000);
export const minutes = (m: number): Duration => millis(m * 60_000);

export const after = (at: Instant, wait: Duration): Instant => instant(at + wait);
/** How long from `from` to `to`; zero if `to` came first. */
export const between = (from: Instant, to: Instant): Duration => millis(to - from);
export const earliest = (a: Instant | null, b: Instant | null): Instant | null => {
  if (a === null) return b;
  if (b === null) return a;
  return instant(Math.min(a, b));
};

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
];

/** For people: `400ms`, `3.2s`, `3m12s`, `2h`. */
export function formatDuration(duration: Duration): string {
  if (duration < 1000) return `${Math.round(duration)}ms`;
  if (duration < 10_000) return `${Number((duration / 1000).toFixed(1))}s`;
  let rest = Math.round(duration / 1000) * 1000;
  let text = "";
  let parts = 0;
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    if (count === 0 || parts === 2) continue;
    text += `${count}${unit}`;
    rest -= count * size;
    parts += 1;
  }
  return text;
}

const FACTORS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads `500ms`, `30s`, `10m`, `2h`, `1d`; null if the text is none of these. */
export function parseDuration(text: string): Duration | null {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
  const factor = FACTORS[match?.[2] ?? ""];
  if (match === null || factor === undefined) return null;
  return millis(Math.round(Number(match[1]) * factor));
}
