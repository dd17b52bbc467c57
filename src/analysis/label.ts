/**
 * Bets on whose turn it is: is the next event the canary's? They need the share that is in force, and nothing
 * of the requests that showed no event.
 */
interface LabelGains {
  readonly canary: readonly number[];
  readonly stable: readonly number[];
}

/** The canary's part of the events when each of its users has `ratio` times the events of a stable one. */
const partOf = (share: number, ratio: number): number => (share * ratio) / (share * ratio + 1 - share);

/** Tolerated: a user of the canary fails first so many times as often. */
export const FIRST_ERRORS_RATIO = 1.25;
const FIRST_ERRORS_WORSE = [1.5, 2, 3, 5, 10, 30, 100, 1000] as const;
export const FIRST_ERRORS_BETS = FIRST_ERRORS_WORSE.length;

/** A user's first error: more often the canary's than the share and the tolerance explain? */
export function firstErrorGains(share: number): LabelGains {
  const edge = partOf(share, FIRST_ERRORS_RATIO);
  const parts = FIRST_ERRORS_WORSE.map((worse) => partOf(share, FIRST_ERRORS_RATIO * worse));
  return againstEdge(parts, edge);
}

/** Tolerated: so much less of the traffic than its share (and, of too much, so much more). */
export const SHARE_TOLERANCE = 0.2;
const MISSING = [0.02, 0.25, 0.5, 0.65] as const;
export const MISSING_BETS = MISSING.length;

/** A request: does the canary get less than its share? */
export const missingGains = (share: number): LabelGains =>
  againstEdge(
    MISSING.map((part) => part * share),
    (1 - SHARE_TOLERANCE) * share,
  );

const EXCESS = [1.3, 1.6, 2, 4] as const;
export const EXCESS_BETS = EXCESS.length;

/** A request: does the canary get more than its share? Nothing is bet where there is no room above it. */
export function excessGains(share: number): LabelGains {
  const edge = (1 + SHARE_TOLERANCE) * share;
  if (edge >= 1)
    return againstEdge(
      EXCESS.map(() => share),
      share,
    );
  return againstEdge(
    EXCESS.map((times) => Math.max(edge, Math.min(times * share, (1 + edge) / 2))),
    edge,
  );
}

const againstEdge = (parts: readonly number[], edge: number): LabelGains => ({
  canary: parts.map((part) => Math.log(part / edge)),
  stable: parts.map((part) => Math.log1p(-part) - Math.log1p(-edge)),
});

/** What so many events of each role add to each bet. */
export const labelGains = (gains: LabelGains, canary: number, stable: number): readonly number[] =>
  gains.canary.map((ln, i) => canary * ln + stable * (gains.stable[i] ?? 0));
