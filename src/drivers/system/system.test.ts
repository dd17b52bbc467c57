import { expect, test } from "vitest";
import { instant } from "../../base/time.ts";
import { onward, systemClock } from "./clock.ts";
import { systemIds } from "./ids.ts";

const DAY = 86_400_000;

test("a sleep ends when its signal aborts, and leaves no timer behind", async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const abort = new AbortController();
  const sleeping = systemClock.sleep(instant(Date.now() + 40 * DAY), abort.signal);
  expect(timers()).toBe(before + 1);
  abort.abort();
  await sleeping;
  expect(timers()).toBe(before);
});

test.each([
  ["a time that has passed", -1, false],
  ["a signal that was aborted before", DAY, true],
  ["a time that comes", 5, false],
])("a sleep ends with %s", async (_, wait, aborted) => {
  const signal = aborted ? AbortSignal.abort() : new AbortController().signal;
  const until = instant(Date.now() + wait);
  await systemClock.sleep(until, signal);
  expect(aborted || systemClock.now() >= until).toBe(true);
});

test("ids sort in the order in which they were made", () => {
  const ids = systemIds();
  const made = Array.from({ length: 1000 }, () => ids.next());
  expect(made.toSorted()).toEqual(made);
  expect(new Set(made).size).toBe(1000);
});

test("time goes on when the clock is set back, and follows one that is set on", () => {
  const at = { wall: 1_000_000, steady: 10 };
  const now = onward(
    () => at.wall,
    () => at.steady,
  );
  const told: number[] = [];
  const pass = (ms: number, set = 0): void => {
    at.wall += ms + set;
    at.steady += ms;
    told.push(now());
  };
  pass(0);
  pass(5);
  pass(5, -3_600_000);
  pass(20);
  pass(1, 3_600_000);
  pass(1, 600_000);
  expect(told).toEqual([1_000_000, 1_000_005, 1_000_010, 1_000_030, 1_000_031, 1_600_032]);
});
