import { parseApplication } from "../../src/spec/parse.ts";
import type { Application, Gateway, Host, Slot } from "../../src/model/application.ts";
import { unavailableOf } from "../../src/model/capacity.ts";
import { present } from "../../src/base/assert.ts";
import { instant } from "../../src/base/time.ts";
import { generation, slotKey, type HostName, type ReleaseId, type RolloutId } from "../../src/model/ids.ts";
import { basisPoints } from "../../src/model/share.ts";
import type { Beginning } from "../../src/rollout/create.ts";

export interface Size {
  readonly hosts: number;
  readonly gateways: number;
}

/** Three slots a host, four steps; one per cent at a time. */
const FILE = `app: shop
artifact: { url: "https://version.example.com/shop-{release}.tar.gz" }
hosts: [{ name: web, address: 10.0.0.1, root: /srv/shop, slots: [8001, 8002, 8003] }]
run: { command: ./server, user: shop }
health: { http: /healthz }
gateway: { config: /etc/nginx/conf.d/shop.conf }
rollout:
  steps: [{ share: 1% }, { share: 10% }, { share: 50% }, { share: 100% }]
`;

/** More hosts than a file may name: those of the file, again and again. */
export function largeApplication({ hosts: count, gateways }: Size): Application {
  const parsed = parseApplication(FILE, { path: "glidepath.yaml", directory: "/etc/glidepath" });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  const { application } = parsed.value;
  const pattern = present(application.hosts[0], "the host of the file");
  const hosts: Host[] = [];
  for (let i = 0; i < count; i += 1) {
    const name = `web${i + 1}` as HostName;
    const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    const slots = pattern.slots.map(({ port, dir }): Slot => ({
      key: slotKey(name, port),
      host: name,
      port,
      dir,
      address,
    }));
    const { root } = pattern;
    hosts.push({ name, address, root, slots });
  }
  const gateway = present(application.gateways[0], "the gateway of the file");
  const named = ({ name, address }: Host): Gateway => Object.assign({}, gateway, { name, address });
  return {
    ...application,
    hosts,
    gateways: hosts.slice(0, gateways).map(named),
    policy: {
      ...application.policy,
      maxUnavailable: unavailableOf({ share: basisPoints(100) }, count * pattern.slots.length),
    },
  };
}

/** A release of v2 where v1 serves. */
export const BEGINNING: Beginning = {
  id: "r1" as RolloutId,
  kind: "release",
  release: "v2" as ReleaseId,
  from: "v1" as ReleaseId,
  generation: generation(0),
  now: instant(1_000_000),
  newcomers: [],
  runs: {},
  observe: false,
};
