import { describe, expect, test } from "vitest";
import type { Application, Slot } from "../model/application.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Rollout, SlotCourse } from "../model/rollout.ts";
import type { Finding } from "../ports/examine.ts";
import { createAdvice } from "./advice.ts";

const slotOf = (n: number) => ({ key: `h:${n}` as SlotKey, host: "h" }) as Slot;
const application = { hosts: [{ name: "h", slots: [slotOf(1), slotOf(2)] }] } as unknown as Application;

/** `v1`: at rest with that release; a dash: nothing is there; else on its way. */
function at(...courses: readonly string[]): Rollout {
  const course = (said: string): SlotCourse =>
    (said.startsWith("v") || said === "-"
      ? { at: "settled", release: said === "-" ? null : said }
      : { at: said }) as SlotCourse;
  return {
    slots: Object.fromEntries(courses.map((said, n) => [`h:${n + 1}`, course(said)])),
  } as unknown as Rollout;
}

const WARNING: Finding = { severity: "warning", subject: "idle", found: "closed", todo: "wait" };

/** Looks answer when they are told to. */
function scene() {
  const asked: { slot: SlotKey; signal: AbortSignal; answer: (finding: Finding | null) => void }[] = [];
  const told: Finding[] = [];
  const measure = (slot: Slot, signal: AbortSignal) =>
    new Promise<Finding | null>((answer) => asked.push({ slot: slot.key, signal, answer }));
  const advice = createAdvice(application, { measure }, (finding) => told.push(finding));
  const answer = async (n: number, finding: Finding | null): Promise<void> => {
    asked[n]?.answer(finding);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { advice, asked, told, answer };
}

describe("how long idle connections are kept", () => {
  test("is asked once in a rollout, of the slot updated last, and told when it is too short", async () => {
    const { advice, asked, told, answer } = scene();
    advice.follow(at("v1", "v1"));
    advice.follow(at("draining", "v1"));
    expect(asked.map(({ slot }) => slot)).toEqual(["h:2"]);
    await answer(0, WARNING);
    advice.follow(at("v2", "draining"));
    expect([asked.length, told]).toEqual([1, [WARNING]]);
  });

  test.each<[string, Finding | null]>([
    ["is fine", { ...WARNING, severity: "fine" }],
    ["cannot be seen", null],
  ])("is not told where it %s", async (_id, finding) => {
    const { advice, asked, told, answer } = scene();
    advice.follow(at("v1", "v1"));
    await answer(0, finding);
    advice.follow(at("v2", "v2"));
    expect([asked.length, told]).toEqual([1, []]);
  });

  test("is left at once when the rollout comes to the slot, and another is asked", async () => {
    const { advice, asked, told, answer } = scene();
    advice.follow(at("v2", "v1"));
    advice.follow(at("v2", "leaving"));
    expect(asked.map(({ slot, signal }) => [slot, signal.aborted])).toEqual([
      ["h:2", true],
      ["h:1", false],
    ]);
    await answer(0, WARNING);
    expect(told).toEqual([]);
    await answer(1, WARNING);
    expect(told).toEqual([WARNING]);
  });

  test("is asked of nobody before something runs, and of so many at most", () => {
    const { advice, asked } = scene();
    advice.follow(at("-", "-"));
    advice.follow(at("starting", "starting"));
    expect(asked).toEqual([]);
    for (let turn = 0; turn < 10; turn++) {
      advice.follow(at("v1", "v1"));
      advice.follow(at("leaving", "leaving"));
    }
    expect(asked.length).toBe(4);
  });

  test("is left when the rollout ends", async () => {
    const { advice, asked, told, answer } = scene();
    advice.follow(at("v1", "v1"));
    advice.end();
    await answer(0, WARNING);
    expect([asked[0]?.signal.aborted, told]).toEqual([true, []]);
  });
});
