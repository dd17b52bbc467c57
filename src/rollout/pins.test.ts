import { expect, it } from "vitest";
import { seconds } from "../base/time.ts";
import type { SlotKey } from "../model/ids.ts";
import { basisPoints, EVERYTHING } from "../model/share.ts";
import { rolloutOf } from "../../test/support/rollouts.ts";
import { pinned } from "./pins.ts";

const [A, B] = ["h:1", "h:2"] as [SlotKey, SlotKey];
const going = rolloutOf({ plan: { pin: seconds(1800) } });
const back = { ...going, aborted: { why: "test", at: going.startedAt } } as unknown as typeof going;
const rollback = { ...going, kind: "rollback" } as const;

it.each([
  { title: "testers only", rollout: going, canary: [A], stable: [B], share: 0, keeps: [false, 0] },
  { title: "a share", rollout: going, canary: [A], stable: [B], share: 500, keeps: [true, 0] },
  { title: "no canary yet", rollout: going, canary: [], stable: [B], share: 0, keeps: [false, 0] },
  { title: "the way back", rollout: back, canary: [A], stable: [B], share: 500, keeps: [false, 0] },
  {
    title: "a rollback",
    rollout: rollback,
    canary: [A],
    stable: [B],
    share: 5000,
    keeps: [true, EVERYTHING],
  },
])("with $title visitors stay where the rollout wants them", ({ rollout, canary, stable, share, keeps }) => {
  const { pins } = pinned(rollout, { canary, stable, share: basisPoints(share) });
  expect([pins?.canary, pins?.stable]).toEqual(keeps);
});
