import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { appError } from "../../../src/base/errors.ts";
import { openStore, type Store } from "../../../src/drivers/store/store.ts";
import { MEMBERS } from "../../../src/drivers/store/pieces.ts";
import type { HostName, SlotKey } from "../../../src/model/ids.ts";
import type { Rollout, SlotCourse } from "../../../src/model/rollout.ts";
import type { Fence } from "../../../src/ports/journal.ts";
import { createRollout } from "../../../src/rollout/create.ts";
import { BEGINNING, largeApplication } from "../../support/large-application.ts";
import { runLarge } from "../../support/large-world.ts";
import { entry } from "./records.ts";
import { manualClock, opened, temporaryDirectory } from "./support.ts";

/** Every state of a rollout over so many slots that they fill several pieces. */
function statesOf(hosts: number): readonly Rollout[] {
  const created = createRollout(largeApplication({ hosts, gateways: 2 }), BEGINNING);
  if (!created.ok) throw new Error(created.error.message);
  const states: Rollout[] = [created.value];
  runLarge(created.value, ({ before, after }) => void (after === before || states.push(after)));
  return states;
}

const STATES = statesOf(60);
const first = STATES[0] as Rollout;
const APP = first.app;

async function fenceOf({ lease }: Store): Promise<Fence> {
  const fence = await lease.acquire(APP, "alice");
  if (!fence.ok) throw new Error(fence.error.message);
  return fence.value;
}

const saved = async ({ journal }: Store, fence: Fence, revision: number, rollout: Rollout) =>
  journal.save({ revision, fence, rollout, stable: null, entry: entry("saved") });

async function loaded({ journal }: Store): Promise<Rollout | null> {
  const answer = await journal.load(APP);
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value.rollout;
}

const rowsIn = (directory: string, sql: string): readonly unknown[] => {
  const sqlite = new DatabaseSync(join(directory, "journal.db"), { readOnly: true });
  const rows = sqlite.prepare(sql).all();
  sqlite.close();
  return rows;
};

test("each of a rollout's states is read back as it was saved, its slots in their order", async () => {
  const store = await opened(temporaryDirectory());
  const fence = await fenceOf(store);
  expect(first.plan.slots.length).toBeGreaterThan(2 * MEMBERS);
  for (const [revision, rollout] of STATES.entries()) {
    expect(await saved(store, fence, revision, rollout)).toEqual({ ok: true, value: revision + 1 });
    const back = await loaded(store);
    expect(back).toEqual(rollout);
    expect(Object.keys(back?.slots ?? {})).toEqual(Object.keys(rollout.slots));
  }
  expect((await store.journal.find(first.id))?.rollout).toEqual(STATES.at(-1));
});

test("what did not change is not written again, and what is gone is gone", async () => {
  const directory = temporaryDirectory();
  const store = await opened(directory);
  const fence = await fenceOf(store);
  const slot = first.plan.slots[MEMBERS] as SlotKey;
  const error = appError("host.disk", "no room");
  const failed: SlotCourse = { at: "failed", target: null, since: first.startedAt, attempt: 1, error };
  const moved: Rollout = { ...first, slots: { ...first.slots, [slot]: failed } };
  // A mark in each row: those that keep it were left alone.
  const mark = `CREATE TABLE written (part TEXT, place INTEGER);
    CREATE TRIGGER told AFTER UPDATE ON piece BEGIN INSERT INTO written VALUES (new.part, new.place); END;`;
  await saved(store, fence, 0, first);
  const sqlite = new DatabaseSync(join(directory, "journal.db"));
  sqlite.exec(mark);
  sqlite.close();
  await saved(store, fence, 1, moved);
  expect(rowsIn(directory, "SELECT * FROM written")).toEqual([{ part: "slots", place: MEMBERS }]);

  const fewer = Object.fromEntries(Object.entries(first.slots).slice(0, MEMBERS)) as Rollout["slots"];
  const left = first.plan.slots.slice(0, MEMBERS);
  const lost: Rollout = { ...first, slots: fewer, plan: { ...first.plan, slots: left } };
  await saved(store, fence, 2, lost);
  // The routing still names slots of which the plan knows nothing any more.
  expect(await loaded(store)).toEqual(lost);
  expect(rowsIn(directory, "SELECT DISTINCT part, place FROM piece ORDER BY part, place")).toEqual([
    { part: "plan", place: 0 },
    { part: "slots", place: 0 },
  ]);
});

test("two carriers in turns: each writes what differs from what is there", async () => {
  const directory = temporaryDirectory();
  const [alice, bob] = [await opened(directory), await opened(directory)];
  const [one, two] = [STATES[Math.floor(STATES.length / 3)], STATES[Math.floor(STATES.length / 2)]];
  if (one === undefined || two === undefined) throw new Error("too few states");
  const inTurn: readonly (readonly [Store, Rollout])[] = [
    [alice, one],
    [bob, two],
    [alice, one],
    [bob, { ...two, id: `${two.id}-next` as Rollout["id"] }],
    [bob, { ...two, excluded: ["web" as HostName] }],
  ];
  for (const [revision, [store, rollout]] of inTurn.entries()) {
    const fence = await fenceOf(store);
    expect(await saved(store, fence, revision, rollout)).toMatchObject({ ok: true });
    expect(await loaded(store === alice ? bob : alice)).toEqual(rollout);
    await store.lease.release(APP, fence);
  }
});

test("a save that was refused is forgotten: the next one is told from what is there", async () => {
  const store = await opened(temporaryDirectory());
  const fence = await fenceOf(store);
  const [, second, third] = STATES;
  if (second === undefined || third === undefined) throw new Error("too few states");
  await saved(store, fence, 0, first);
  expect(await saved(store, fence, 7, third)).toMatchObject({ error: { code: "journal.conflict" } });
  await saved(store, fence, 1, second);
  expect(await loaded(store)).toEqual(second);
});

test("a rollout that was kept in one piece is read, and goes on in pieces", async () => {
  const directory = temporaryDirectory();
  const before = await openStore(directory, { clock: manualClock() });
  if (!before.ok) throw new Error(before.error.message);
  const fence = await fenceOf(before.value);
  await saved(before.value, fence, 0, first);
  before.value.close();
  const sqlite = new DatabaseSync(join(directory, "journal.db"));
  sqlite.exec("DROP TABLE piece; PRAGMA user_version = 2");
  sqlite.prepare("UPDATE rollout SET state = ?").run(JSON.stringify(first));
  sqlite.close();
  const store = await opened(directory);
  expect(await loaded(store)).toEqual(first);
  expect((await store.journal.history(APP, 5)).map(({ rollout }) => rollout)).toEqual([first]);
  await saved(store, fence, 1, STATES[1] as Rollout);
  expect(await loaded(store)).toEqual(STATES[1]);
});
