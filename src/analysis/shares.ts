import { minutes, seconds, type Instant } from "../base/time.ts";
import { EVERYTHING, type BasisPoints } from "../model/share.ts";
import type { ShareChange } from "./state.ts";

/** By so much the clocks of gateways and ours may differ. */
export const CLOCKS = seconds(2);
/** Requests that arrived so long ago are not told any more. */
const REMEMBERED = minutes(10);

export const addShare = (changes: readonly ShareChange[], change: ShareChange): readonly ShareChange[] => {
  const later = changes.filter(({ at }) => at > change.at);
  const kept = changes.filter(({ at }, i) => {
    const until = changes[i + 1]?.at ?? Infinity;
    return at <= change.at && until >= change.at - REMEMBERED;
  });
  return [...kept, change, ...later];
};

export const shareNow = (changes: readonly ShareChange[]): BasisPoints | null =>
  changes.at(-1)?.share ?? null;

export function shareAt(changes: readonly ShareChange[], moment: Instant): BasisPoints | null {
  return changes.findLast(({ at }) => at <= moment)?.share ?? null;
}

/**
 * The largest share, as a fraction, that may have been in force for a request that arrived then. A bet that
 * the canary has too many of the errors is fair for every smaller one as well.
 */
export function shareAround(changes: readonly ShareChange[], moment: Instant): number | null {
  const now = shareAt(changes, moment);
  if (now === null || now <= 0) return null;
  const around = changes.filter(({ at }, i) => {
    const until = changes[i + 1]?.at ?? Infinity;
    return at <= moment + CLOCKS && until >= moment - CLOCKS;
  });
  const most = Math.max(...around.map(({ share }) => share ?? 0));
  return most >= EVERYTHING ? null : most / EVERYTHING;
}

/** The share as a fraction that was surely in force from `from` to `to`; null: none, or all or nothing. */
export function shareDuring(changes: readonly ShareChange[], from: Instant, to: Instant): number | null {
  let share: BasisPoints | null = null;
  for (const change of changes) {
    if (change.at > to) break;
    if (change.at > from - CLOCKS) return null;
    share = change.share;
  }
  return share === null || share <= 0 || share >= EVERYTHING ? null : share / EVERYTHING;
}
