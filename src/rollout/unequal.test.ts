import { describe, expect, it, test } from "vitest";
import { largeApplication } from "../../test/support/large-application.ts";
import { poolOf } from "../model/application.ts";
import { generation, type HostName, type ReleaseId, type SlotKey } from "../model/ids.ts";
import type { GatewayState, Observation, Observed } from "../model/observation.ts";
import { NOTHING } from "../model/share.ts";
import { instant } from "../base/time.ts";
import { unequalIn } from "./unequal.ts";

/** Three slots a host; web1 and web2 are gateways too. */
const APPLICATION = largeApplication({ hosts: 3, gateways: 2 });
const ALL = poolOf(APPLICATION.hosts).map(({ key }) => key);
const ofHost = (name: string): readonly SlotKey[] => ALL.filter((key) => key.startsWith(`${name}:`));
const without = (...gone: readonly SlotKey[]): readonly SlotKey[] => ALL.filter((key) => !gone.includes(key));
const V1 = "v1" as ReleaseId;
const NOW = instant(1_000_000);
const STRAY = "web3:8001" as SlotKey;
const known = <T>(value: T): Observed<T> => ({ known: true, at: NOW, value });

interface Slot {
  readonly release?: string | null;
  readonly process?: "running" | "stopped";
  readonly healthy?: boolean;
}

interface World {
  /** What the gateway of each host leads to; all slots unless said. */
  readonly web1?: readonly SlotKey[];
  readonly web2?: readonly SlotKey[];
  /** What is not as it should be: all others run v1 and are healthy. */
  readonly slots?: Readonly<Record<string, Slot>>;
}

function seenIn({ web1 = ALL, web2 = ALL, slots = {} }: World): Observation {
  const gateway = (stable: readonly SlotKey[]): Observed<GatewayState> =>
    known({
      running: true,
      serving: true,
      generation: generation(7),
      routing: { canary: [], stable, share: NOTHING },
      inFlight: {},
    });
  const stateOf = ({ release = V1, process = "running" }: Slot = {}) =>
    known({ generation: generation(7), release: release as ReleaseId | null, process, restarts: 0 });
  const healthOf = ({ process, healthy = process !== "stopped" }: Slot = {}) =>
    known({ healthy, answer: healthy ? "200" : "503" });
  return {
    slots: Object.fromEntries(ALL.map((key) => [key, stateOf(slots[key])])),
    health: Object.fromEntries(ALL.map((key) => [key, healthOf(slots[key])])),
    gateways: { ["web1" as HostName]: gateway(web1), ["web2" as HostName]: gateway(web2) },
  };
}

const unequal = (world: World, excluded: readonly string[] = []) =>
  unequalIn(APPLICATION, seenIn(world), { stable: V1, excluded: excluded as readonly HostName[] });

describe("a slot of a host that was left out, to which only a gateway leads that was lost too", () => {
  const left = without(...ofHost("web1"), ...ofHost("web3"));

  it.each<{ id: string; slot: Slot }>([
    { id: "was stopped since", slot: { process: "stopped" } },
    { id: "runs and is not healthy", slot: { healthy: false } },
    { id: "runs something else", slot: { release: "v2" } },
  ])("is brought up before anybody else is led to it, with its host, when it $id", ({ slot }) => {
    const found = unequal({ web2: left, slots: { [STRAY]: slot } }, ["web1", "web3"]);
    expect(found).toEqual({ newcomers: [], strays: ofHost("web3"), apart: true });
    expect(unequal({ web2: left, slots: { [STRAY]: slot } })).toEqual(found);
  });

  it("stays as it is when it serves", () => {
    expect(unequal({ web2: left }, ["web1", "web3"])).toEqual({ newcomers: [], strays: [], apart: true });
  });
});

test("a slot that runs something else is brought to the stable, also where all gateways lead to it", () => {
  const found = unequal({ slots: { [ALL[0]!]: { release: "v2" } } });
  expect(found).toEqual({ newcomers: [], strays: [ALL[0]], apart: true });
});

test("when none runs the stable, as with a store from a backup, the pool stays as it is led to", () => {
  const slots = Object.fromEntries(ALL.map((key): [string, Slot] => [key, { release: "v2" }]));
  expect(unequal({ slots })).toEqual({ newcomers: [], strays: [], apart: false });
  const rest = without(...ofHost("web3"));
  expect(unequal({ web1: rest, web2: rest, slots }).strays).toEqual(ofHost("web3"));
});

test("a slot to which nobody leads is brought up, whatever it does", () => {
  const rest = without(...ofHost("web3"));
  expect(unequal({ web1: rest, web2: rest }).strays).toEqual(ofHost("web3"));
});

test("a slot that is down for a moment and to which all gateways lead stays in the pool", () => {
  const found = unequal({ slots: { [STRAY]: { process: "stopped" } } });
  expect(found).toEqual({ newcomers: [], strays: [], apart: false });
});

test("when none is seen to serve, and gateways share none, somebody is left in the pool", () => {
  const slots = Object.fromEntries(ALL.map((key): [string, Slot] => [key, { healthy: false }]));
  const found = unequal({ web1: ofHost("web1"), web2: ofHost("web2"), slots });
  expect(found.strays).toEqual(ofHost("web3"));
});

test("a slot that holds nothing is new", () => {
  const news = "web3:8003" as SlotKey;
  const rest = without(news);
  const found = unequal({ web1: rest, web2: rest, slots: { [news]: { release: null } } });
  expect(found).toEqual({ newcomers: [news], strays: [], apart: false });
});
