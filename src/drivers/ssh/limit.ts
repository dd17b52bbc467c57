/** Lets at most so many in at once; the others wait their turn. */
export interface Limit {
  /** Resolves to what lets the next one in. */
  enter(): Promise<() => void>;
  /** From now on at most this many, at least one. */
  shrink(most: number): void;
  readonly inside: number;
  readonly room: number;
}

export function limit(most: number): Limit {
  const waiting: (() => void)[] = [];
  let room = most;
  let inside = 0;
  const next = (): void => {
    while (inside < room && waiting.length > 0) {
      inside += 1;
      waiting.shift()?.();
    }
  };
  return {
    enter: async () => {
      const turn = new Promise<void>((resolve) => waiting.push(resolve));
      next();
      await turn;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        inside -= 1;
        next();
      };
    },
    shrink: (wanted) => {
      room = Math.max(1, Math.min(room, wanted));
    },
    get room() {
      return room;
    },
    get inside() {
      return inside;
    },
  };
}
