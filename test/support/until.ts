import { setTimeout as wait } from "node:timers/promises";

/**
 * Looks again and again until it is so, also on a machine with much else to do; the last thing seen is in the
 * error when it never is.
 */
export async function until<T>(
  look: () => Promise<T> | T,
  isIt: (seen: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  const ends = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (isIt(seen)) return seen;
    if (Date.now() > ends) throw new Error(`not so after ${withinMs} ms; last seen: ${JSON.stringify(seen)}`);
    await wait(25);
  }
}
