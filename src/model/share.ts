import { assert } from "../base/assert.ts";
import type { Brand } from "../base/brand.ts";

/** A part of the traffic: a whole number from 0 to 10 000, in hundredths of a per cent. */
export type BasisPoints = Brand<number, "BasisPoints">;

export const NOTHING = 0 as BasisPoints;
export const EVERYTHING = 10_000 as BasisPoints;

export function basisPoints(n: number): BasisPoints {
  assert(Number.isInteger(n) && n >= 0 && n <= 10_000, `a share is 0 to 10000 basis points, not ${n}`);
  return n as BasisPoints;
}

/** For people: `5 %`, `0.25 %`. */
export const formatShare = (share: BasisPoints): string => `${Number((share / 100).toFixed(2))} %`;

/** Reads `5%`, `0.25 %`; null if the text is no share. At most two decimals: nginx takes no more. */
export function parseShare(text: string): BasisPoints | null {
  const match = /^(\d{1,3})(?:\.(\d{1,2}))? ?%$/.exec(text.trim());
  if (match === null) return null;
  const points = Number(match[1]) * 100 + Number((match[2] ?? "0").padEnd(2, "0"));
  return points <= 10_000 ? (points as BasisPoints) : null;
}
