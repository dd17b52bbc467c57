import { describe, expect, it } from "vitest";
import { instant } from "../base/time.ts";
import { generation, type HostName, type RolloutId, type SlotKey } from "../model/ids.ts";
import type { Shot } from "../model/probing.ts";
import type { Rollout } from "../model/rollout.ts";
import { basisPoints } from "../model/share.ts";
import type { Action } from "../rollout/actions.ts";
import { blame, createChronicle, type Chronicle } from "./chronicle.ts";

const WEB1 = "web1" as HostName;
const WEB2 = "web2" as HostName;
const A = "web1:8001" as SlotKey;
const B = "web1:8002" as SlotKey;

const stop = (slot: SlotKey): Action => ({
  kind: "stop",
  key: `stop/${slot}/7`,
  slot,
  generation: generation(7),
});
const commit = (gateway: HostName): Action => ({
  kind: "commit",
  key: `commit/${gateway}/9`,
  gateway,
  table: {
    generation: generation(9),
    writer: "01R" as RolloutId,
    routing: { canary: [], stable: [A], share: basisPoints(0) },
  },
});
const courses = (slots: Record<string, { readonly at: string }>): Rollout =>
  ({ slots }) as unknown as Rollout;

const shot = (from: number, to: number, slot: SlotKey | null): Shot => ({
  gateway: WEB1,
  kind: "post",
  begun: instant(from),
  ended: instant(to),
  end: "failed",
  said: "502",
  slot,
});

/** What a request that lasted from 100 to 200 is put down to. */
function blamed(slot: SlotKey | null, tell: (chronicle: Chronicle) => void): string | null {
  const chronicle = createChronicle();
  tell(chronicle);
  const lost = shot(100, 200, slot);
  return blame(lost, chronicle.within(lost.begun, lost.ended))?.words ?? null;
}

describe("a lost request is put down to", () => {
  const both = (first: Action, second: Action) => (chronicle: Chronicle) => {
    chronicle.began(first, instant(120));
    chronicle.began(second, instant(130));
  };
  it.each<readonly [string, SlotKey | null, (chronicle: Chronicle) => void, string | null]>([
    ["the stop of the slot that answered", B, both(stop(B), commit(WEB1)), "web1:8002 was stopping"],
    [
      "its gateway's switch, where another slot stops",
      A,
      both(stop(B), commit(WEB1)),
      "the gateway web1 was switching",
    ],
    [
      "its gateway's switch, where nobody knows who answered",
      null,
      both(stop(B), commit(WEB1)),
      "the gateway web1 was switching",
    ],
    [
      "a stop rather than another gateway's switch",
      null,
      both(stop(B), commit(WEB2)),
      "web1:8002 was stopping",
    ],
    [
      "nothing that was over before it began",
      B,
      (chronicle) => {
        chronicle.began(stop(B), instant(10));
        chronicle.ended(stop(B), instant(99));
      },
      null,
    ],
    ["nothing that began after it", B, (chronicle) => chronicle.began(stop(B), instant(201)), null],
    [
      "what ended while it lasted",
      B,
      (chronicle) => {
        chronicle.began(stop(B), instant(10));
        chronicle.ended(stop(B), instant(150));
      },
      "web1:8002 was stopping",
    ],
    [
      "a slot's waiting, where no action was under way",
      B,
      (chronicle) => {
        chronicle.follow(courses({ [B]: { at: "draining" } }), instant(50));
      },
      "web1:8002 was draining",
    ],
    [
      "no waiting that was over",
      B,
      (chronicle) => {
        chronicle.follow(courses({ [B]: { at: "draining" } }), instant(50));
        chronicle.follow(courses({ [B]: { at: "stopping" } }), instant(60));
      },
      null,
    ],
    ["nothing, when nothing was under way", null, () => undefined, null],
  ])("%s", (_, slot, tell, words) => {
    expect(blamed(slot, tell)).toBe(words);
  });
});
