import process from "node:process";
import { openStore } from "../../../src/drivers/store/store.ts";
import { systemClock } from "../../../src/drivers/system/clock.ts";
import type { RolloutId } from "../../../src/model/ids.ts";
import type { WorkerRequest } from "./support.ts";
import { entry, rollout, SHOP } from "./records.ts";

const result = await openStore(process.argv[2] ?? "", { clock: systemClock });
if (!result.ok) throw new Error(result.error.message);
const { journal, lease } = result.value;
const tell = (message: unknown): void => void process.send?.(message);

async function obey(request: WorkerRequest): Promise<void> {
  switch (request.do) {
    case "acquire":
      return tell(await lease.acquire(SHOP, request.who));
    case "submit":
      for (let i = 0; i < request.count; i += 1) {
        await journal.submit(request.rollout as RolloutId, { kind: "pause" }, "bob");
      }
      return tell("submitted");
    case "save": {
      const { fence, revision } = request;
      const given = { revision, fence, rollout: rollout("r1"), stable: null, entry: entry("by a worker") };
      return tell(await journal.save(given));
    }
    case "save-for-ever":
      for (let revision = 0; ; revision += 1) {
        const because = `save ${revision + 1}`;
        const given = { revision, fence: request.fence, rollout: rollout("r1", { because }), stable: null };
        const saved = await journal.save({ ...given, entry: entry(because) });
        if (!saved.ok) throw new Error(saved.error.message);
        tell({ acknowledged: saved.value });
        // Lets the message leave before the next save.
        await new Promise((resolve) => setImmediate(resolve));
      }
  }
}

process.on("message", (request: WorkerRequest) => void obey(request));
tell("ready");
