// Slots on a host of the lab, and the driver over them by ssh.
import { seconds } from "../../../src/base/time.ts";
import { slots } from "../../../src/drivers/slots/slots.ts";
import type { Application, RunSpec, Slot } from "../../../src/model/application.ts";
import { generation, slotKey, type HostName, type RolloutId, type Stamp } from "../../../src/model/ids.ts";
import type { SlotState } from "../../../src/model/observation.ts";
import type { SlotPort } from "../../../src/ports/slot.ts";
import type { LabHost } from "../../support/lab/host.ts";
import type { Lab } from "../../support/lab/lab.ts";
import { sshTo } from "../../support/ssh-host.ts";

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
while :; do sleep 0.1; done
`;

export interface Place {
  readonly slot: Slot;
  readonly driver: SlotPort;
  readonly seen: () => Promise<SlotState>;
  /** The unit that systemd has for it. */
  readonly unit: string;
}

/** Releases and the template; run once. */
export async function furnish(host: LabHost): Promise<void> {
  const script = `set -e
    printf '%s' "$1" >/etc/systemd/system/shop@.service
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

export interface Asked {
  readonly port: number;
  readonly run: RunSpec;
}

export function placeOn(lab: Lab, host: LabHost, { port, run }: Asked): Place {
  const slot: Slot = {
    key: slotKey(NAME, port),
    host: NAME,
    port,
    dir: `${ROOT}/slots/${port}`,
    address: host.address,
  };
  const hosts = [{ name: NAME, address: host.address, root: ROOT, slots: [slot] }];
  const application = { name: "shop", hosts, run } as unknown as Application;
  const ssh = sshTo({ config: lab.sshConfig, address: host.name }, NAME);
  const driver = slots({ application, hosts: () => ssh });
  return {
    slot,
    driver,
    unit: run.kind === "unit" ? `shop@${port}.service` : `glidepath-shop-${port}.service`,
    seen: async () => {
      const look = (await driver.observe(NAME, [slot])).get(slot.key);
      if (look === undefined || !look.known) throw new Error(look?.why ?? "not looked at");
      return look.value;
    },
  };
}
