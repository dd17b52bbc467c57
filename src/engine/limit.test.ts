import { expect, test } from "vitest";
import { limit } from "./limit.ts";

test("at most so many run at once, and all run, also after one has failed", async () => {
  const limited = limit(3);
  const ends: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const work = (i: number) => async (): Promise<number> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise<void>((resolve) => ends.push(resolve));
    running -= 1;
    if (i === 4) throw new Error("no");
    return i;
  };
  const all = Promise.allSettled(Array.from({ length: 10 }, (_, i) => limited(work(i))));
  for (let ended = 0; ended < 10;) {
    ended += ends.splice(0).map((end) => end()).length;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const results = (await all).map((one) => (one.status === "fulfilled" ? one.value : "failed"));
  expect(results).toEqual([0, 1, 2, 3, "failed", 5, 6, 7, 8, 9]);
  expect(most).toBe(3);
});
