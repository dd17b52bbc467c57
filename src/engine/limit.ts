/** Runs what it is given, at most so many at once; the rest waits in order. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>;

export function limit(most: number): Limit {
  const waiting: (() => void)[] = [];
  let running = 0;
  // Whoever is over gives its place to the next one: nobody can come between.
  const over = (): void => {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  };
  return async (work) => {
    if (running < most) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      over();
    }
  };
}
