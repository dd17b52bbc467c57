import { after, between, millis, seconds, type Duration, type Instant } from "../base/time.ts";
import type { HostName } from "../model/ids.ts";
import type { Rollout } from "../model/rollout.ts";
import type { Traffic } from "../model/traffic.ts";
import { intervalOf } from "../analysis/words.ts";
import type { Verdict } from "../model/verdict.ts";
import type { RolloutEvent } from "../ports/control.ts";
import type { Read } from "./gauge.ts";
import type { EnginePorts } from "./ports.ts";

/** Tells what is counted and judged: to whoever watches, and to the journal. */
export interface Teller {
  /** A log that cannot be read is said once, until it can be read again; one without room once. */
  heard(read: Read): void;
  tell(now: Instant, known: Known): Promise<void>;
}

export interface Known {
  readonly during: Traffic | null;
  readonly verdict: Verdict | null;
}

/** How often the traffic so far is told. */
const TELL = millis(1000);
/** The journal has every turn of the verdicts, and, between, one now and then. */
const LEAST = seconds(15);
const PART = 0.02;

export interface TellerOptions {
  readonly ports: Pick<EnginePorts, "journal">;
  readonly rollout: Rollout;
  readonly onEvent: (event: RolloutEvent) => void;
}

export function createTeller({ ports, rollout, onEvent }: TellerOptions): Teller {
  const silent = new Set<HostName>();
  const full = new Set<HostName>();
  let tellAt = rollout.startedAt;
  let noted: Verdict | null = null;
  let told: Verdict | null = null;
  const note = async (verdict: Verdict): Promise<void> => {
    noted = verdict;
    const { kind, sentence, at } = verdict;
    const because = `${kind}: ${sentence}${intervalOf(verdict)}`;
    const entry = { at, kind: "verdict", because, data: verdict } as const;
    await ports.journal.note(rollout.id, entry);
  };
  return {
    heard: ({ gateway, answeredAt, reading }) => {
      const error = reading.ok ? reading.value.full : reading.error;
      if (reading.ok) silent.delete(gateway);
      const said = reading.ok ? full : silent;
      if (error === undefined || said.has(gateway)) return;
      said.add(gateway);
      onEvent({ kind: "trouble", at: answeredAt, error });
    },
    tell: async (now, { during, verdict }) => {
      const isDue = now >= tellAt;
      if (isDue) {
        if (during !== null) onEvent({ kind: "traffic", at: now, during });
        tellAt = after(now, TELL);
      }
      if (verdict === null) return;
      if (isDue || isTurn(told, verdict)) onEvent({ kind: "verdict", at: now, verdict });
      told = verdict;
      if (isTurn(noted, verdict) || isOld(noted, now, rollout.startedAt)) await note(verdict);
    },
  };
}

const isTurn = (before: Verdict | null, { kind, share }: Verdict): boolean =>
  before?.kind !== kind || (share !== null && before.share !== share);

const isOld = (before: Verdict | null, now: Instant, startedAt: Instant): boolean => {
  const pause: Duration = millis(Math.max(LEAST, between(startedAt, now) * PART));
  return before !== null && now >= after(before.at, pause);
};
