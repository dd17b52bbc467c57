// Slots on a host of the lab, and the driver over them by ssh.
import { expect } from "vitest";
import { seconds } from "../../../src/base/time.ts";
import { slots } from "../../../src/drivers/slots/slots.ts";
import type { Application, RunSpec, Slot } from "../../../src/model/application.ts";
import { generation, slotKey, type HostName, type ReleaseId } from "../../../src/model/ids.ts";
import type { RolloutId, Stamp } from "../../../src/model/ids.ts";
import type { SlotState } from "../../../src/model/observation.ts";
import type { HostPort } from "../../../src/ports/host.ts";
import type { SlotPort } from "../../../src/ports/slot.ts";
import type { LabHost } from "../../support/lab/host.ts";
import type { Lab } from "../../support/lab/lab.ts";
import { sshTo } from "../../support/ssh-host.ts";
import { until } from "../../support/until.ts";

export const ROOT = "/srv/shop";
const NAME = "web1" as HostName;

export const at = (n: number): Stamp => ({ generation: generation(n), writer: "lab" as RolloutId });

export const COMMAND = {
  kind: "command",
  command: "./run {port}",
  env: {},
  user: null,
  stop: { signal: "SIGTERM", timeout: seconds(10) },
} as const satisfies RunSpec;
export const GENERATED = { ...COMMAND, kind: "generated" } as const satisfies RunSpec;
export const UNIT = {
  kind: "unit",
  unit: "shop@{port}.service",
  env: {},
  user: null,
  stop: null,
} as const satisfies RunSpec;

/** A unit as its owner wrote it, who knew nothing of Glidepath. */
const TEMPLATE = `[Service]
ExecStart=/bin/sh -c "exec ./run %i"
WorkingDirectory=/
Restart=always
RestartSec=100ms
[Install]
WantedBy=multi-user.target
`;

/** Says who it is and waits. Whoever is told to ignore SIGTERM does. */
const RUN = `#!/bin/sh
echo "$(cat name) on $1, port $PORT"
[ ! -e stubborn ] || trap "" TERM
trap 'echo heard' USR1
while :; do sleep 0.1; done
`;

export interface Place {
  readonly slot: Slot;
  readonly driver: SlotPort;
  /** The unit that systemd has for it. */
  readonly unit: string;
  readonly seen: () => Promise<SlotState>;
  /** Its processes' directories in /proc. */
  readonly processes: () => Promise<readonly string[]>;
  readonly enabled: () => Promise<string>;
}

/** Releases and the template; run once. */
export async function furnish(host: LabHost): Promise<void> {
  const script = `set -e
    printf '%s' "$1" >/etc/systemd/system/shop@.service
    useradd --system shop
    for release in v1 v2 stubborn; do
      mkdir -p "$3/releases/$release"
      cd "$3/releases/$release"
      echo "$release" >name
      printf '%s' "$2" >run
      chmod 755 run
    done
    touch "$3/releases/stubborn/stubborn"`;
  await host.must(script, TEMPLATE, RUN, ROOT);
}

/** Makes places on a host, each with a port of its own. */
export function placesOn(lab: Lab, host: LabHost): (run: RunSpec, port?: number) => Place {
  const ssh = sshTo({ config: lab.sshConfig, address: host.name }, NAME);
  let next = 8001;
  return (run, port = next++) => placeAt(host, ssh, { run, port });
}

/** With the release switched on at generation 1 and started at 2. */
export async function started(place: Place, release: string): Promise<Place> {
  const { driver, slot } = place;
  expect(await driver.switch(slot, release as ReleaseId, at(1))).toMatchObject({ kind: "done" });
  expect(await driver.start(slot, at(2))).toMatchObject({ kind: "done" });
  await until(place.processes, (processes) => processes.length > 0);
  return place;
}

interface Asked {
  readonly port: number;
  readonly run: RunSpec;
}

function placeAt(host: LabHost, ssh: HostPort, { port, run }: Asked): Place {
  const slot: Slot = {
    key: slotKey(NAME, port),
    host: NAME,
    port,
    dir: `${ROOT}/slots/${port}`,
    address: host.address,
  };
  const hosts = [{ name: NAME, address: host.address, root: ROOT, slots: [slot] }];
  const application = { name: "shop", hosts, run } as unknown as Application;
  const unit =
    run.kind === "unit" ? run.unit.replace("{port}", String(port)) : `glidepath-shop-${port}.service`;
  const driver = slots({ application, hosts: () => ssh });
  return {
    slot,
    driver,
    unit,
    // A host that has just been booted may turn the first away.
    seen: async () => {
      const look = async () => (await driver.observe(NAME, [slot])).get(slot.key);
      const seen = await until(look, (found) => found?.known === true);
      if (seen?.known !== true) throw new Error("never");
      return seen.value;
    },
    processes: async () => {
      const marker = `GLIDEPATH_SLOT=shop/${slot.key}@${ROOT}`;
      const found = await host.must('grep -lzxsF "$1" /proc/[0-9]*/environ; true', marker);
      return found.split("\n").flatMap((file) => (file === "" ? [] : [file.replace(/\/environ$/, "")]));
    },
    enabled: async () => (await host.sh("systemctl is-enabled -- $1 2>/dev/null", unit)).stdout.trim(),
  };
}
