/** A position on the page for a number, in a straight line; what lies outside is put on the edge. */
export interface Scale {
  (value: number): number;
}

export function scale(from: readonly [number, number], to: readonly [number, number]): Scale {
  const [low, high] = from;
  const [left, right] = to;
  const span = high - low;
  return (value) => {
    const part = span <= 0 ? 0 : Math.min(1, Math.max(0, (value - low) / span));
    return Math.round((left + part * (right - left)) * 10) / 10;
  };
}

const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800,
  604_800,
];

/** Round moments, in milliseconds from the beginning, at most `most` of them. */
export function ticks(took: number, most: number): readonly number[] {
  const seconds = took / 1000;
  const step = STEPS.find((one) => seconds / one <= most) ?? seconds / most;
  const count = Math.floor(seconds / step);
  return Array.from({ length: count + 1 }, (_, i) => i * step * 1000);
}
