import { describe, expect, test } from "vitest";
import { isDead, parseStat, thisProcess } from "../../../src/drivers/store/machine.ts";
import { SHOP } from "./records.ts";
import { fenceOf, manualClock, opened, temporaryDirectory } from "./support.ts";

const elsewhere = (pid: number) => ({ machine: `build${pid} boot pid:[1]`, pid, started: "77" });

describe("a lease", () => {
  test("has one holder; the second is told who, for how long, and what to do", async () => {
    const directory = temporaryDirectory();
    const clock = manualClock();
    const alice = await opened(directory, { clock, self: elsewhere(1) });
    const bob = await opened(directory, { clock, self: elsewhere(2) });
    await fenceOf(alice, "alice@build1");
    clock.advance(12_000);
    const answer = await bob.lease.acquire(SHOP, "bob@build2");
    expect(answer).toMatchObject({ ok: false, error: { code: "lease.held" } });
    if (answer.ok) return;
    expect(answer.error.message).toBe("shop is being released by alice@build1, process 1, for 12s now");
    expect(answer.error.hint).toContain("`glidepath resume`");
    expect(answer.error.hint).toContain("elsewhere 3s after its last sign of life");
  });

  test("lives while it is renewed, and is anybody's 15 s after the last time", async () => {
    const directory = temporaryDirectory();
    const clock = manualClock();
    const alice = await opened(directory, { clock, self: elsewhere(1) });
    const bob = await opened(directory, { clock, self: elsewhere(2) });
    const first = await fenceOf(alice);
    clock.advance(10_000);
    expect(await alice.lease.renew(SHOP, first)).toEqual({ ok: true, value: null });
    clock.advance(14_999);
    expect((await bob.lease.acquire(SHOP, "bob")).ok).toBe(false);
    expect((await bob.lease.holder(SHOP))?.alive).toBe(true);
    clock.advance(1);
    expect((await bob.lease.holder(SHOP))?.alive).toBe(false);
    const second = await fenceOf(bob, "bob");
    expect(second.number).toBe(first.number + 1);
    expect(await alice.lease.renew(SHOP, first)).toMatchObject({ error: { code: "lease.lost" } });
  });

  test("that was given back is free at once, and its number goes on growing", async () => {
    const store = await opened(temporaryDirectory());
    const first = await fenceOf(store);
    await store.lease.release(SHOP, first);
    expect(await store.lease.holder(SHOP)).toBeNull();
    expect(await store.lease.renew(SHOP, first)).toMatchObject({ error: { code: "lease.lost" } });
    expect((await fenceOf(store)).number).toBe(2);
  });

  test("given back by a former holder stays with the new one", async () => {
    const clock = manualClock();
    const store = await opened(temporaryDirectory(), { clock });
    const first = await fenceOf(store, "alice");
    clock.advance(20_000);
    await fenceOf(store, "bob");
    await store.lease.release(SHOP, first);
    expect((await store.lease.holder(SHOP))?.who).toBe(`bob, process ${process.pid}`);
  });
});

describe("whether a process is dead", () => {
  const here = thisProcess();

  test.each([
    ["this very process is not", here, false],
    ["a number that nobody has is", { ...here, pid: 4_194_305 }, true],
    ["our number, but started at another time, is", { ...here, started: "1" }, true],
    [
      "a process of another machine cannot be known to be",
      { ...here, machine: "other", pid: 4_194_305 },
      false,
    ],
  ])("%s", (_, identity, dead) => {
    expect(isDead(identity, here)).toBe(dead);
  });

  test("a name with brackets and spaces does not confuse the reader of /proc", () => {
    const fields = Array.from({ length: 30 }, (_, i) => String(i + 4));
    expect(parseStat(`12 (a) Z (b c) S ${fields.join(" ")}`)).toEqual({ zombie: false, started: "22" });
    expect(parseStat(`12 (node) Z ${fields.join(" ")}`).zombie).toBe(true);
  });
});
