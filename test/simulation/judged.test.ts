import { describe, expect, it } from "vitest";
import { ok } from "../../src/base/result.ts";
import { after, minutes, seconds } from "../../src/base/time.ts";
import type { HostName } from "../../src/model/ids.ts";
import { NO_EVIDENCE, type RoleEvidence } from "../../src/model/evidence.ts";
import type { LogReading } from "../../src/ports/telemetry.ts";
import { basisPoints } from "../../src/model/share.ts";
import { CALM } from "../../src/sim/faults.ts";
import { ANALYSIS, scenarioOf, SMOOTH, type Behaviour, type Scenario } from "../../src/sim/scenario.ts";
import type { SimPorts } from "../../src/sim/world.ts";
import { simulate, type SimulationOptions } from "./harness.ts";

const step = (share: number, bake: number) => ({
  share: basisPoints(share),
  bake: seconds(bake),
  approve: false,
});

const GRAY = [step(500, 2), step(5000, 2), step(10_000, 0)];

/** Unless said, 5 % for two seconds, then half, then all; through two gateways. */
function scenario(behaviour: Behaviour, steps = GRAY): Scenario {
  const shape = { ...SMOOTH, slotsPerHost: 3, gateways: 2, steps };
  const made = scenarioOf(shape, { behaviours: { v1: "good", v2: behaviour } as Scenario["behaviours"] });
  return { ...made, application: { ...made.application, analysis: ANALYSIS } };
}

const SEEDS = Array.from({ length: 5 }, (_, i) => 1000 + i);

async function endsOf(behaviour: Behaviour, more: SimulationOptions = {}) {
  const ends = [];
  for (const seed of SEEDS) {
    const options = { scenario: scenario(behaviour), faults: CALM, quiet: true, ...more };
    const { end, broken } = await simulate(seed, options);
    ends.push({ end, broken: broken.map(({ law }) => law) });
  }
  return ends;
}

const all = (end: string) => SEEDS.map(() => ({ end, broken: [] }));

const tells =
  (told: (canary: RoleEvidence) => RoleEvidence) =>
  (ports: SimPorts): SimPorts => ({
    ...ports,
    telemetry: {
      ...ports.telemetry,
      read: async (gateway, cursor, roles) => {
        const read = await ports.telemetry.read(gateway, cursor, roles);
        if (!read.ok) return read;
        const slices = read.value.slices.map(({ canary, ...slice }) =>
          Object.assign(slice, { canary: told(canary) }),
        );
        return ok({ ...read.value, slices });
      },
    },
  });

/** A log that says that nothing ever failed. */
const flattering = tells((canary) => ({ ...canary, failures: {} }));

/** A log that tells nothing of the canary. */
const swallowing = tells(() => NO_EVIDENCE);

/** A log of which nothing more can be read after a while. */
function falling(ports: SimPorts): SimPorts {
  let reads = 0;
  const { telemetry } = ports;
  return {
    ...ports,
    telemetry: {
      ...telemetry,
      read: async (gateway, cursor, roles) => {
        reads += 1;
        const read = await telemetry.read(gateway, cursor, roles);
        return reads > 12 && read.ok ? ok({ ...read.value, exists: false }) : read;
      },
    },
  };
}

/** Of several gateways, all but the first that is read: what is read of them is made something else. */
const half =
  (spoil: (reading: LogReading) => LogReading) =>
  (ports: SimPorts): SimPorts => {
    let first: HostName | null = null;
    let reads = 0;
    const { telemetry } = ports;
    return {
      ...ports,
      telemetry: {
        ...telemetry,
        read: async (gateway, cursor, roles) => {
          first ??= gateway.name;
          reads += 1;
          const read = await telemetry.read(gateway, cursor, roles);
          return read.ok && reads > 12 && gateway.name !== first ? ok(spoil(read.value)) : read;
        },
      },
    };
  };

describe("a judged release", () => {
  it("is as good as the one before: it is not held for ever, and comes to all", async () => {
    expect(await endsOf("good")).toEqual(all("completed"));
  });

  it.each(["fails-requests", "hangs", "answers-slowly"] as const)("%s: it goes back", async (behaviour) => {
    expect(await endsOf(behaviour)).toEqual(all("rolled-back"));
  });

  const SMOOTHLY = [step(10_000, 0)];

  it.each([
    { what: "that hangs", behaviour: "hangs" as const, more: {}, end: "rolled-back" },
    {
      what: "of which nothing is told",
      behaviour: "good" as const,
      more: { wrap: swallowing },
      end: "rolled-back",
    },
    { what: "that answers: the control", behaviour: "good" as const, more: {}, end: "completed" },
  ])("$what, and would be in all slots at once: $end", async ({ behaviour, more, end }) => {
    const options = { scenario: scenario(behaviour, SMOOTHLY), ...more };
    expect(await endsOf(behaviour, options)).toEqual(all(end));
  });

  it("whose evidence is missing is never taken further, however good it is", async () => {
    expect(await endsOf("good", { wrap: falling })).toEqual(all("rolled-back"));
  });

  it.each([
    { id: "is silent", spoil: (reading: LogReading) => ({ ...reading, exists: false }) },
    {
      id: "has a clock that is a minute ahead",
      spoil: (reading: LogReading) => ({ ...reading, through: after(reading.through, minutes(1)) }),
    },
  ])("of which half the gateways $id is never taken further", async ({ spoil }) => {
    expect(await endsOf("good", { wrap: half(spoil) })).toEqual(all("rolled-back"));
  });

  it("of which the log hides what fails: the control, in which the laws notice", async () => {
    const ends = await endsOf("fails-requests", { wrap: flattering });
    expect(ends.filter(({ broken }) => broken.includes(13))).toHaveLength(SEEDS.length);
  });
});
