import { setTimeout as pause } from "node:timers/promises";
import { millis } from "../../base/time.ts";
import type { TrafficKind } from "../../model/drain.ts";
import type { AppName } from "../../model/ids.ts";
import type { HostPort } from "../../ports/host.ts";
import type { Busy } from "./inflight.ts";
import { controlAddress } from "./names.ts";

/** The control server of one config, as it runs. */
export interface Control {
  readonly host: HostPort;
  readonly app: AppName;
  /** The config file's path. */
  readonly config: string;
}

/** What the workers say of themselves; null when nobody answers. */
export interface Running {
  readonly config: string;
  readonly pool: string;
  /** nginx's own user can follow the switch. */
  readonly readable: boolean;
}

const PATIENCE = millis(2000);

export async function askConfig({ host, app, config }: Control): Promise<Running | null> {
  const answer = await host.get({ to: controlAddress(app, config), path: "/config", timeout: PATIENCE });
  if (answer.kind !== "answered" || answer.status !== 200) return null;
  const [name, mark = "", pool = "", group] = answer.body.trim().split(" ");
  return name === app ? { config: mark, pool, readable: group !== undefined } : null;
}

/** Old workers may answer for a moment after a reload. */
export async function untilRunning(control: Control, mark: string): Promise<Running | null> {
  let last: Running | null = null;
  for (let round = 0; round < 40; round += 1) {
    last = await askConfig(control);
    if (last?.config === mark) return last;
    await pause(50);
  }
  return last;
}

/** Asks for each group, until one is busy; of a kind: whether requests of that kind are in flight. */
export async function askBusy(
  { host, app, config }: Control,
  groups: readonly string[],
  kind: TrafficKind | null = null,
): Promise<Busy> {
  for (const group of groups) {
    const answer = await host.get({
      to: controlAddress(app, config),
      path: kind === null ? `/busy/${group}` : `/.glidepath/busy/${group}/${kind}`,
      timeout: PATIENCE,
    });
    if (answer.kind !== "answered" || (answer.status !== 204 && answer.status !== 409)) return "unknown";
    if (answer.status === 409) return "busy";
  }
  return "idle";
}
