import { formatDuration, type Duration, type Instant } from "../../base/time.ts";
import { formatShare, type BasisPoints } from "../../model/share.ts";

export const count = (n: number): string => n.toLocaleString("en-US");
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`;

/** A part of all traffic, 0 to 1, as `33.3 %`. */
export const percent = (part: number): string => `${Number((part * 100).toFixed(1))} %`;
export const share = (points: number): string => formatShare(points as BasisPoints);

export const clock = (at: Instant): string => new Date(at).toISOString().replace("T", " ").slice(0, 19);
export const time = (duration: number): string => formatDuration(duration as Duration);

const SIZES = ["B", "kB", "MB", "GB", "TB"];
export function bytes(n: number): string {
  let size = n;
  let unit = 0;
  while (size >= 1000 && unit < SIZES.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : Number(size.toFixed(1))} ${SIZES[unit]}`;
}

export const ms = (value: number | null): string => {
  if (value === null) return "–";
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
};

/** A bar of `width` cells, `part` (0 to 1) of them full; one is as soon as there is anything. */
export function bar(part: number, width: number): { readonly full: string; readonly rest: string } {
  const exact = Math.min(1, Math.max(0, part)) * width;
  const full = exact > 0 && exact < 1 ? 1 : Math.floor(exact);
  return { full: "█".repeat(full), rest: "░".repeat(width - full) };
}

/** Times and counts, but not the digits of a name: `3m12s`, `17`, not `web1:8001`. */
const NUMBERS = /(?<![\w:.-])\d[\d,.]*(ms|[smhd])?(\d+[smhd])*(?![\w:-])/g;
/** The same sentence with other times or counts is no news: `baking 5 %: 3m12s left`. */
export const gist = (because: string): string => because.replaceAll(NUMBERS, "#");

/** What an operator does about a rollout that is stuck, once what it names is put right. */
export const afterStuck = (from: string | null): string =>
  from === null
    ? "put that right, then `glidepath resume` goes on"
    : `put that right, then \`glidepath abort\` goes on with the way back to ${from}`;
