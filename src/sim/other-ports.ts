import { present } from "../base/assert.ts";
import { appError } from "../base/errors.ts";
import { err, ok } from "../base/result.ts";
import type { Gateway } from "../model/application.ts";
import { DONE, refused, unknown, type Outcome } from "../model/outcome.ts";
import { sliceOf } from "../model/evidence.ts";
import type { Artifact, ArtifactPort } from "../ports/artifact.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { HookPort, ProbePort } from "../ports/probe.ts";
import type { TelemetryPort } from "../ports/telemetry.ts";
import type { ReleaseId } from "../model/ids.ts";
import { faultsNow, tell, type Line } from "./context.ts";
import { isReachable, isServing, type SimGateway } from "./fleet.ts";
import { readLog } from "./log.ts";
import { answer, deliver, whenAwake } from "./network.ts";
import { healthOf } from "./health.ts";

/** Sleeps until the world's time is there. */
export function clock(line: Line): Clock {
  const { life, context } = line;
  const { timeline } = context;
  return {
    now: () => timeline.now(),
    sleep: (until, signal) =>
      new Promise((resolve) => {
        if (!life.alive) return;
        if (signal.aborted) return resolve();
        const rise = (): void => {
          signal.removeEventListener("abort", rise);
          whenAwake(line, resolve);
        };
        signal.addEventListener("abort", rise);
        timeline.at(until, rise);
      }),
  };
}

export function ids(prefix: string): Ids {
  let count = 0;
  return { next: () => `${prefix}-${String((count += 1)).padStart(4, "0")}` };
}

export function artifactPort(line: Line): ArtifactPort {
  const { context } = line;
  const { fleet, dice } = context;
  const releasesOf = (name: Parameters<ArtifactPort["installed"]>[0]): Set<ReleaseId> =>
    present(fleet.hosts.get(name), name).releases;
  return {
    fetch: (release, { onProgress }) =>
      answer(line, dice.delay.int(50, 500), () => {
        onProgress({ received: 1000, total: 1000 });
        if (dice.events.chance(faultsNow(context).fetchFails)) {
          return err(appError("artifact.unreachable", `${release}: connection reset`, { hint: "try again" }));
        }
        return ok(artifactOf(release));
      }),
    stage: (name, artifact) =>
      deliver(line, {
        name: `stage ${artifact.release} ${name}`,
        host: present(fleet.hosts.get(name), name),
        effect: (finish) => {
          if (dice.events.chance(faultsNow(context).diskFull)) {
            return finish(refused(appError("host.disk", `${name}: no space left on the disk`)));
          }
          releasesOf(name).add(artifact.release);
          finish(DONE);
        },
      }),
    installed: (name) => answer(line, 5, () => ok([...releasesOf(name)])),
    prune: () => answer(line, 5, () => DONE),
  };
}

const artifactOf = (release: ReleaseId): Artifact => ({
  release,
  digest: "0".repeat(64),
  tar: `/nowhere/${release}.tar`,
  bytes: 1000,
  entries: 10,
});

export function probePort(line: Line): ProbePort {
  const { context } = line;
  const { fleet, dice, timeline } = context;
  return {
    health: ({ key }) =>
      answer(line, 3, () => {
        const slot = present(fleet.slots.get(key), key);
        if (!isReachable(slot.host, timeline.now())) {
          slot.host.unheardAt = timeline.now();
          return null;
        }
        const health = healthOf(slot, timeline.now());
        const lies = dice.look.chance(faultsNow(context).healthFlaps);
        slot.lies = lies && health.healthy ? slot.lies + 1 : 0;
        if (lies) return { healthy: false, answer: "502" };
        if (health.healthy) slot.wasHealthy = true;
        return health;
      }),
    warm: ({ key }, release, index) => {
      const slot = present(fleet.slots.get(key), key);
      const name = `warm-up ${index} of ${release} on ${key}`;
      return deliver(line, {
        name,
        host: slot.host,
        effect: (finish) => {
          const flaps = dice.events.chance(faultsNow(context).smokeFlaps);
          if (flaps) return finish(refused(appError("slot.warm", `${key}: ./warm.sh ended with 1`)));
          slot.warmed.add(index);
          finish(DONE);
        },
      });
    },
    smoke: ({ key }, release, index) => {
      const slot = present(fleet.slots.get(key), key);
      if (index >= context.scenario.application.smoke.length) {
        const what = `${key} is asked for smoke check ${index}, which the file does not have`;
        context.harms.push({ at: timeline.now(), law: 8, what });
      }
      const name = `smoke ${index} of ${release} on ${key}`;
      const effect = (finish: Parameters<Parameters<typeof deliver>[1]["effect"]>[0]): void => {
        const flaps = dice.events.chance(faultsNow(context).smokeFlaps);
        const works = isServing(slot, timeline.now()) && slot.running === release && !flaps;
        if (!works || slot.behaviour === "fails-smoke") {
          return finish(refused(appError("slot.smoke", `${key}: GET /login → 500`)));
        }
        slot.passed.add(index);
        finish(DONE);
      };
      return deliver(line, { name, host: slot.host, effect });
    },
  };
}

/** A hook goes on when its controller is killed; what became of it is then found, or not. */
export function hookPort(line: Line): HookPort {
  const { context } = line;
  const { dice, hookRuns } = context;
  return {
    run: ({ rollout, run }) => {
      const key = `${rollout} ${run.name} ${run.slot ?? run.share ?? ""} ${run.attempt}`;
      if (run.state === "sought") return answer(line, 5, () => hookRuns.get(key) ?? LOST);
      if (hookRuns.has(key)) {
        context.harms.push({ at: context.timeline.now(), law: 8, what: `hook ${key} is begun twice` });
      }
      hookRuns.set(key, LOST);
      const fails = dice.events.chance(faultsNow(context).hookFails);
      const outcome = fails ? refused(appError("hook.failed", `${run.name} exited with 1`)) : DONE;
      const isKept = dice.events.chance(0.5);
      const takes = dice.delay.int(20, 200);
      context.timeline.in(takes, () => {
        tell(context, () => `. hook ${key}: ${outcome.kind}`);
        if (isKept) hookRuns.set(key, outcome);
      });
      return answer(line, takes + 1, () => outcome);
    },
  };
}

const LOST: Outcome = unknown(appError("hook.failed", "nobody knows what became of it"));

export function telemetryPort(line: Line): TelemetryPort {
  const { context } = line;
  const find = ({ name }: Gateway): SimGateway => present(context.fleet.gateways.get(name), name);
  return {
    open: (_gateway, back) => answer(line, 5, () => ok(String(sliceOf(back)))),
    read: (gateway, cursor, { cutOffs }) =>
      answer(line, 5, () => readLog(context, find(gateway), { cursor: Number(cursor), cutOffs })),
  };
}
