import type { Instant } from "../base/time.ts";
import type { HostName, SlotKey } from "../model/ids.ts";
import type { Shot } from "../model/probing.ts";
import type { Rollout, SlotStage } from "../model/rollout.ts";
import type { Action } from "../rollout/actions.ts";

/** Something that was under way: an action, or a stage of a slot in which we only wait. */
export interface Deed {
  /** The action's key, or `draining/web1:8001`. */
  readonly key: string;
  /** `web1:8001 was stopping`. */
  readonly words: string;
  readonly slot: SlotKey | null;
  readonly gateway: HostName | null;
  readonly begun: Instant;
  /** null: it still is. */
  readonly ended: Instant | null;
}

/** What was under way when, for as long as a request that is told now may have lasted. */
export interface Chronicle {
  began(action: Action, at: Instant): void;
  ended(action: Action, at: Instant): void;
  follow(rollout: Rollout, at: Instant): void;
  /** What was under way in this time; those that still are included. */
  within(from: Instant, to: Instant): readonly Deed[];
}

/** Longer than any request of the probe lasts. */
const MEMORY_MS = 400_000;
const MOST = 5000;

export function createChronicle(): Chronicle {
  let past: readonly Deed[] = [];
  const now = new Map<string, Deed>();
  const begin = (deed: Deed): void => void now.set(deed.key, deed);
  const end = (key: string, at: Instant): void => {
    const deed = now.get(key);
    if (deed === undefined) return;
    now.delete(key);
    const kept = past.filter(({ ended }) => ended !== null && ended > at - MEMORY_MS);
    past = [...kept.slice(-MOST), { ...deed, ended: at }];
  };
  return {
    began: (action, at) => begin({ ...aboutOf(action), key: action.key, begun: at, ended: null }),
    ended: (action, at) => end(action.key, at),
    follow: (rollout, at) => {
      const waits = waitsOf(rollout, at);
      const keys = new Set(waits.map(({ key }) => key));
      const over = [...now.keys()].filter((key) => WAIT_KEY.test(key) && !keys.has(key));
      for (const key of over) end(key, at);
      for (const deed of waits) if (!now.has(deed.key)) begin(deed);
    },
    within: (from, to) =>
      [...past, ...now.values()].filter(
        ({ begun, ended }) => begun <= to && (ended === null || ended >= from),
      ),
  };
}

/** Stages of a slot in which no action is under way. */
const WAITS: Readonly<Partial<Record<SlotStage, string>>> = {
  leaving: "was leaving the rotation",
  draining: "was draining",
  checking: "was coming up",
  joining: "was joining the rotation",
};
const WAIT_KEY = /^(?:leaving|draining|checking|joining)\//;

function waitsOf({ slots }: Rollout, at: Instant): readonly Deed[] {
  return Object.entries(slots).flatMap(([key, { at: stage }]) => {
    const words = WAITS[stage];
    const slot = key as SlotKey;
    return words === undefined
      ? []
      : [{ key: `${stage}/${slot}`, words: `${slot} ${words}`, slot, gateway: null, begun: at, ended: null }];
  });
}

const SLOT_WORDS = {
  stop: "was stopping",
  switch: "was being switched to its release",
  start: "was starting",
  ask: "was being asked to end its connections",
  warm: "was being warmed up",
  smoke: "was being checked",
} as const;
const GATEWAY_WORDS = {
  prepare: "was getting a routing written",
  commit: "was switching",
  withdraw: "was having a config taken back",
} as const;

function aboutOf(action: Action): Pick<Deed, "words" | "slot" | "gateway"> {
  const nowhere = { slot: null, gateway: null };
  switch (action.kind) {
    case "fetch":
      return { ...nowhere, words: "the release was being fetched" };
    case "stage":
      return { ...nowhere, words: `the release was being unpacked on ${action.host}` };
    case "hook":
      return { ...nowhere, words: `the hook ${action.hook.name} was running` };
    case "prepare":
    case "commit":
    case "withdraw": {
      const { gateway } = action;
      return { slot: null, gateway, words: `the gateway ${gateway} ${GATEWAY_WORDS[action.kind]}` };
    }
    default:
      return { slot: action.slot, gateway: null, words: `${action.slot} ${SLOT_WORDS[action.kind]}` };
  }
}

/** What can break a request, first what most likely does. */
const SUSPECTS = ["stop", "commit", "start", "switch", "draining", "prepare", "leaving", "joining"];

const suspicion = ({ key }: Deed): number => {
  const place = SUSPECTS.indexOf(key.slice(0, key.indexOf("/")));
  return place === -1 ? SUSPECTS.length : place;
};

/** How near it is to the request: the slot that answered, then its gateway, then what is nobody else's. */
function distance({ slot, gateway }: Deed, shot: Shot): number {
  if (slot !== null) return slot === shot.slot ? 0 : shot.slot === null ? 2 : 4;
  if (gateway !== null) return gateway === shot.gateway ? 1 : 4;
  return 3;
}

/** The deed that a lost request is put down to: the nearest, the likeliest, the latest. */
export function blame(shot: Shot, deeds: readonly Deed[]): Deed | null {
  const order = (a: Deed, b: Deed): number =>
    distance(a, shot) - distance(b, shot) || suspicion(a) - suspicion(b) || b.begun - a.begun;
  return deeds.toSorted(order)[0] ?? null;
}
