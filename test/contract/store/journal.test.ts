import { chmodSync, closeSync, mkdirSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { instant, seconds } from "../../../src/base/time.ts";
import { openStore } from "../../../src/drivers/store/store.ts";
import { journalMode } from "../../../src/drivers/store/sqlite.ts";
import { generation, type AppName, type RolloutId } from "../../../src/model/ids.ts";
import type { Receipt } from "../../../src/model/receipt.ts";
import { NO_TRAFFIC } from "../../../src/model/traffic.ts";
import { entry, rollout, SHOP } from "./records.ts";
import { fenceOf, manualClock, opened, saveOf, temporaryDirectory } from "./support.ts";

const R1 = "r1" as RolloutId;

describe("what is saved", () => {
  test("an application that was never released is at revision 0 with nothing in it", async () => {
    const { journal } = await opened(temporaryDirectory());
    const nothing = { revision: 0, stable: null, generation: 0, rollout: null };
    expect(await journal.load(SHOP)).toEqual({ ok: true, value: nothing });
  });

  test("a save is loaded as it was, one revision on", async () => {
    const { journal, lease } = await opened(temporaryDirectory());
    const given = rollout("r1", { generation: generation(7), because: "updating web1:8001" });
    const fence = await fenceOf({ journal, lease, close: () => {} });
    expect(await journal.save(saveOf(fence, 0, given))).toEqual({ ok: true, value: 1 });
    const loaded = { revision: 1, stable: "v1", generation: 7, rollout: given };
    expect(await journal.load(SHOP)).toEqual({ ok: true, value: loaded });
    expect(
      (await journal.load("other" as AppName)).ok && (await journal.load("other" as AppName)),
    ).toMatchObject({
      value: { revision: 0 },
    });
  });

  test("generations never go down, whatever a rollout says", async () => {
    const store = await opened(temporaryDirectory());
    const fence = await fenceOf(store);
    await store.journal.save(saveOf(fence, 0, rollout("r1", { generation: generation(9) })));
    await store.journal.save(saveOf(fence, 1, rollout("r2", { generation: generation(4) })));
    expect(await store.journal.load(SHOP)).toMatchObject({ value: { generation: 9, revision: 2 } });
  });

  test("a save decided on an older revision is refused and writes nothing", async () => {
    const store = await opened(temporaryDirectory());
    const fence = await fenceOf(store);
    await store.journal.save(saveOf(fence, 0));
    const again = await store.journal.save(saveOf(fence, 0));
    expect(again).toMatchObject({ ok: false, error: { code: "journal.conflict" } });
    expect(await store.journal.entries(R1, 0)).toHaveLength(1);
  });

  test("a save by a former holder is refused, also when nobody came after it", async () => {
    const clock = manualClock();
    const store = await opened(temporaryDirectory(), { clock });
    const first = await fenceOf(store, "alice@build1");
    clock.advance(15_000);
    const second = await fenceOf(store, "bob@build1");
    expect(await store.journal.save(saveOf(first, 0))).toMatchObject({ error: { code: "lease.lost" } });
    expect(await store.journal.save(saveOf(second, 0))).toEqual({ ok: true, value: 1 });
    await store.lease.release(SHOP, second);
    expect(await store.journal.save(saveOf(second, 1))).toMatchObject({ error: { code: "lease.lost" } });
  });

  test("entries, notes and orders come back in order, only those after the sequence asked for", async () => {
    const store = await opened(temporaryDirectory());
    const { journal } = store;
    await journal.save(saveOf(await fenceOf(store), 0));
    await journal.note(R1, { ...entry("a note"), kind: "outcome", data: { key: "stop:1", list: [1, null] } });
    const all = await journal.entries(R1, 0);
    expect(all.map(({ kind, because }) => [kind, because])).toEqual([
      ["decided", "save 1"],
      ["outcome", "a note"],
    ]);
    expect(all[1]?.data).toEqual({ key: "stop:1", list: [1, null] });
    expect(await journal.entries(R1, all[0]?.sequence ?? 0)).toEqual(all.slice(1));

    const pause = await journal.submit(R1, { kind: "pause" }, "alice");
    const abort = await journal.submit(R1, { kind: "abort", reason: "enough" }, "bob");
    expect(await journal.orders(R1, 0)).toEqual([pause.ok && pause.value, abort.ok && abort.value]);
    expect(await journal.orders(R1, pause.ok ? pause.value.sequence : 0)).toEqual([abort.ok && abort.value]);
  });

  test("an order to a rollout that is not there is refused", async () => {
    const { journal } = await opened(temporaryDirectory());
    const answer = await journal.submit("r9" as RolloutId, { kind: "pause" }, "alice");
    expect(answer).toMatchObject({ ok: false, error: { code: "rollout.absent" } });
  });

  test("history is newest first, of one application, with the receipts", async () => {
    const store = await opened(temporaryDirectory());
    const fence = await fenceOf(store);
    const receipt: Receipt = {
      before: NO_TRAFFIC,
      during: { ...NO_TRAFFIC, requests: 12, latency: { 3: 12 } },
      after: NO_TRAFFIC,
      cut: 0,
      phases: [{ name: "staging", took: seconds(2) }],
      took: seconds(9),
      switches: 3,
      skew: null,
      longestSwitch: seconds(1),
      missing: [],
    };
    for (const [revision, id] of ["r1", "r2", "r3"].entries()) {
      const startedAt = instant(1_000_000 + revision);
      await store.journal.save(saveOf(fence, revision, rollout(id, { startedAt })));
    }
    await store.journal.attachReceipt("r2" as RolloutId, receipt);
    const listed = await store.journal.history(SHOP, 2);
    expect(listed.map((record) => [record.rollout.id, record.receipt])).toEqual([
      ["r3", null],
      ["r2", receipt],
    ]);
    expect((await store.journal.find(R1))?.rollout.id).toBe("r1");
    expect(await store.journal.find("r9" as RolloutId)).toBeNull();
    expect(await store.journal.history("other" as AppName, 5)).toEqual([]);
  });
});

describe("the file", () => {
  test("is its owner's alone, and so are its companions", async () => {
    const directory = join(temporaryDirectory(), "state");
    const store = await opened(directory);
    await store.journal.save(saveOf(await fenceOf(store), 0));
    const modes = ["", "journal.db", "journal.db-wal"].map(
      (name) => statSync(join(directory, name)).mode & 0o777,
    );
    expect(modes).toEqual([0o700, 0o600, 0o600]);
  });

  test("keeps everything when it is closed and opened again", async () => {
    const directory = temporaryDirectory();
    const first = await openStore(directory, { clock: manualClock() });
    if (!first.ok) throw new Error(first.error.message);
    await first.value.journal.save(saveOf(await fenceOf(first.value), 0));
    first.value.close();
    const second = await opened(directory);
    expect(await second.journal.load(SHOP)).toMatchObject({ value: { revision: 1 } });
  });

  test.each([
    ["3.51.2", "TRUNCATE"],
    ["3.51.3", "WAL"],
    ["3.40.1", "TRUNCATE"],
    ["3.53.4", "WAL"],
    ["4.0.0", "WAL"],
  ])("SQLite %s is used in mode %s", (version, mode) => {
    expect(journalMode(version)).toBe(mode);
  });
});

describe("a journal that cannot be used says which file, why, and what to do", () => {
  const failureOf = async (directory: string) => {
    const result = await openStore(directory, { clock: manualClock() });
    return result.ok ? null : result.error;
  };

  test("something else than a database", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "journal.db"), "this is a text, and a long one at that: ".repeat(100));
    const error = await failureOf(directory);
    expect(error?.code).toBe("journal.unusable");
    expect(error?.message).toContain(join(directory, "journal.db"));
    expect(error?.message).toContain("not a database");
    expect(error?.hint).toContain("move it away");
  });

  test("a damaged one", async () => {
    const directory = temporaryDirectory();
    const result = await openStore(directory, { clock: manualClock() });
    if (!result.ok) throw new Error(result.error.message);
    const fence = await fenceOf(result.value);
    for (let i = 0; i < 30; i += 1) await result.value.journal.save(saveOf(fence, i, rollout(`r${i}`)));
    result.value.close();
    const file = openSync(join(directory, "journal.db"), "r+");
    writeSync(file, Buffer.alloc(5 * 4096, 0xff), 0, 5 * 4096, 2 * 4096);
    closeSync(file);
    expect(await failureOf(directory)).toMatchObject({ code: "journal.unusable" });
  });

  test("one of a newer Glidepath", async () => {
    const directory = temporaryDirectory();
    const sqlite = new DatabaseSync(join(directory, "journal.db"));
    sqlite.exec("PRAGMA user_version = 99");
    sqlite.close();
    const error = await failureOf(directory);
    expect(error?.message).toContain("a newer Glidepath wrote it (schema 99");
  });

  test("a directory where there can be none", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "state"), "a file");
    for (const state of ["state", "state/below"]) {
      const error = await failureOf(join(directory, state));
      expect(error).toMatchObject({ code: "journal.unusable" });
      expect(error?.hint).toContain("a file is there");
    }
    mkdirSync(join(directory, "journal.db"));
    expect(await failureOf(directory)).toMatchObject({ code: "journal.unusable" });
  });

  test.skipIf(process.getuid?.() === 0)("a directory that may not be written", async () => {
    const directory = temporaryDirectory();
    chmodSync(directory, 0o500);
    expect(await failureOf(directory)).toMatchObject({ code: "journal.unusable" });
  });
});
