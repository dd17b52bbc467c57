import { instant, type Instant } from "../../base/time.ts";
import type { Application, RunSpec, Slot } from "../../model/application.ts";
import type { HostName, ReleaseId, SlotKey, Stamp } from "../../model/ids.ts";
import type { Observed, SlotState } from "../../model/observation.ts";
import type { Outcome } from "../../model/outcome.ts";
import type { Clock } from "../../ports/clock.ts";
import type { HostCommand, Hosts } from "../../ports/host.ts";
import type { SlotPort } from "../../ports/slot.ts";
import { hostTrouble, outcomeOf, parseLine } from "./answers.ts";
import { askCall, askHttp } from "./ask.ts";
import { observeCall, PACE, startCall, stopCall, switchCall, tailCall, type Pace } from "./calls.ts";
import { hostOf } from "./layout.ts";
import { unitNameOf } from "./unit.ts";

export interface SlotsOptions {
  readonly application: Application;
  readonly hosts: Hosts;
  /** Looks are told by it; default: the machine's. */
  readonly clock?: Pick<Clock, "now">;
  readonly pace?: Pace;
  /** The name under which users know the application; null: none. */
  readonly hostHeader?: string | null;
}

/** Slots that Glidepath or systemd runs, by the user's own commands, or that are only files. */
export function slots({ application, hosts, clock, pace = PACE, hostHeader = null }: SlotsOptions): SlotPort {
  const { run } = application;
  const now = (): Instant => clock?.now() ?? instant(Date.now());
  const rootOf = (host: HostName): string => hostOf(application, host).root;
  const act = async ({ slot, at, verb, run }: Act, call: HostCommand): Promise<Outcome> => {
    const reply = await hosts(slot.host).run(call);
    const unit = unitNameOf({ ...application, run }, slot);
    return outcomeOf({ slot, verb, at, root: rootOf(slot.host), run, unit }, reply);
  };
  return {
    observe: (host, asked) => observe(application, hosts, { host, asked, at: now() }),
    stop: (slot, at) => act({ slot, at, verb: "stop", run }, stopCall({ application, slot, at })),
    ask: (slot, { ask }, at) =>
      ask.kind === "http"
        ? askHttp(hosts(slot.host), slot, { ask, hostHeader })
        : act({ slot, at, verb: "ask", run }, askCall({ application, slot, at }, ask)),
    switch: (slot, release, at) =>
      act({ slot, at, verb: verbOf(release), run }, switchCall({ application, slot, at }, release)),
    start: (slot, at, as = run) =>
      act(
        { slot, at, verb: "start", run: as },
        startCall({ application: { ...application, run: as }, slot, at }, pace),
      ),
    async logTail(slot, lines) {
      const reply = await hosts(slot.host).run(tailCall(application, slot, lines));
      return reply.kind === "exited" ? reply.stdout : "";
    },
  };
}

interface Act {
  readonly slot: Slot;
  readonly at: Stamp;
  readonly verb: string;
  readonly run: RunSpec;
}

const verbOf = (release: ReleaseId | null): string =>
  release === null ? "switch to nothing" : `switch to ${release}`;

interface Look {
  readonly host: HostName;
  readonly asked: readonly Slot[];
  /** What was seen is at least as old as the question. */
  readonly at: Instant;
}

async function observe(
  application: Application,
  hosts: Hosts,
  { host, asked, at }: Look,
): Promise<ReadonlyMap<SlotKey, Observed<SlotState>>> {
  const reply = await hosts(host).run(observeCall(application, host, asked));
  const trouble = hostTrouble(host, reply);
  const lines = reply.kind === "exited" ? reply.stdout.split("\n") : [];
  const seen = lines.filter((line) => line !== "").map((line) => parseLine(line, application.run.kind));
  return new Map(
    asked.map((slot): [SlotKey, Observed<SlotState>] => {
      const line = trouble === null ? seen.find(({ port }) => port === slot.port) : undefined;
      if (line !== undefined && "state" in line) return [slot.key, { known: true, at, value: line.state }];
      const why = trouble?.message ?? line?.why ?? "the host said nothing about it";
      return [slot.key, { known: false, at, why }];
    }),
  );
}
