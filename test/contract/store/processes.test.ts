import { expect, test } from "vitest";
import { systemClock } from "../../../src/drivers/system/clock.ts";
import type { RolloutId } from "../../../src/model/ids.ts";
import type { Fence } from "../../../src/ports/journal.ts";
import { SHOP } from "./records.ts";
import { fenceOf, opened, saveOf, startWorker, temporaryDirectory } from "./support.ts";

interface Acquired {
  readonly ok: boolean;
  readonly value: Fence;
}

test("of processes that race for a lease exactly one wins, round after round", async () => {
  const directory = temporaryDirectory();
  const store = await opened(directory, { clock: systemClock });
  const workers = await Promise.all([startWorker(directory), startWorker(directory), startWorker(directory)]);
  for (let round = 1; round <= 20; round += 1) {
    const answers = await Promise.all(workers.map((worker) => worker.ask({ do: "acquire", who: "racer" })));
    const won = (answers as Acquired[]).filter((answer) => answer.ok);
    expect(won).toHaveLength(1);
    expect(won[0]?.value.number).toBe(round);
    await store.lease.release(SHOP, won[0]!.value);
  }
});

test("a holder that was killed is replaced at once; one that lives is not", async () => {
  const directory = temporaryDirectory();
  const store = await opened(directory, { clock: systemClock });
  const worker = await startWorker(directory);
  expect(await worker.ask({ do: "acquire", who: "alice@build1" })).toMatchObject({ ok: true });
  expect(await store.lease.acquire(SHOP, "bob")).toMatchObject({ ok: false, error: { code: "lease.held" } });
  expect((await store.lease.holder(SHOP))?.alive).toBe(true);
  await worker.kill();
  expect(await store.lease.holder(SHOP)).toMatchObject({
    alive: false,
    who: `alice@build1, process ${worker.process.pid}`,
  });
  expect(await store.lease.acquire(SHOP, "bob")).toMatchObject({ ok: true, value: { number: 2 } });
});

test("of two processes that save on the same revision one is told of the other", async () => {
  const directory = temporaryDirectory();
  const fence = await fenceOf(await opened(directory, { clock: systemClock }));
  const workers = await Promise.all([startWorker(directory), startWorker(directory)]);
  for (let revision = 0; revision < 20; revision += 1) {
    const answers = await Promise.all(workers.map((worker) => worker.ask({ do: "save", fence, revision })));
    const codes = answers.map((answer) => (answer as { error?: { code: string } }).error?.code ?? "saved");
    expect(codes.toSorted()).toEqual(["journal.conflict", "saved"]);
  }
});

test("a kill in the middle of saving loses no save that was acknowledged", async () => {
  const directory = temporaryDirectory();
  const store = await opened(directory, { clock: systemClock });
  const fence = await fenceOf(store);
  const worker = await startWorker(directory);
  let acknowledged = 0;
  const enough = new Promise<void>((resolve) => {
    worker.process.on("message", (message) => {
      acknowledged = (message as { acknowledged: number }).acknowledged;
      if (acknowledged >= 50) resolve();
    });
  });
  worker.process.send({ do: "save-for-ever", fence });
  await enough;
  await worker.kill();
  const loaded = await store.journal.load(SHOP);
  if (!loaded.ok) throw new Error(loaded.error.message);
  const { revision, rollout } = loaded.value;
  expect(revision).toBeGreaterThanOrEqual(acknowledged);
  expect(rollout?.because).toBe(`save ${revision}`);
  const entries = await store.journal.entries("r1" as RolloutId, 0);
  expect(entries.map((line) => line.because)).toEqual(
    Array.from({ length: revision }, (_, i) => `save ${i + 1}`),
  );
});

test("orders of another process are seen by the one that carries the rollout", async () => {
  const directory = temporaryDirectory();
  const store = await opened(directory, { clock: systemClock });
  await store.journal.save(saveOf(await fenceOf(store), 0));
  const worker = await startWorker(directory);
  await worker.ask({ do: "submit", rollout: "r1", count: 3 });
  const orders = await store.journal.orders("r1" as RolloutId, 0);
  expect(orders.map(({ order, by }) => [order.kind, by])).toEqual([
    ["pause", "bob"],
    ["pause", "bob"],
    ["pause", "bob"],
  ]);
});

test("processes that open a new store at the same time all succeed", async () => {
  const directory = temporaryDirectory();
  const workers = await Promise.all([1, 2, 3, 4].map(() => startWorker(directory)));
  expect(workers).toHaveLength(4);
});
