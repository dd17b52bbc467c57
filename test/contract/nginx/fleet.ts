// Several hosts with slots that answer at once, and several real gateways in front of all of them.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../../src/demo/ports.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { nginxGateway } from "../../../src/drivers/nginx/gateway.ts";
import {
  poolOf,
  type Application,
  type Gateway,
  type GatewaySettings,
} from "../../../src/model/application.ts";
import { generation, slotKey, type HostName, type RolloutId } from "../../../src/model/ids.ts";
import type { RoutingTable } from "../../../src/model/routing.ts";
import { basisPoints } from "../../../src/model/share.ts";
import type { GatewayPort } from "../../../src/ports/gateway.ts";
import { quickSlot } from "../../support/crowd.ts";
import { temporaryNginx, type TemporaryNginx } from "../../support/nginx.ts";
import { applicationOf, SETTINGS } from "./world.ts";

export interface Fleet {
  readonly application: Application;
  readonly gateways: readonly (Gateway & { readonly listens: number; readonly nginx: string })[];
  readonly temporary: readonly TemporaryNginx[];
  readonly port: GatewayPort;
  /** The pool's ports in its order. */
  readonly ports: readonly number[];
  /** The first `canary` slots of the pool are the canary's, the others the stable release's. */
  table(number: number, canary: number, share: number): RoutingTable;
  close(): Promise<void>;
}

export interface FleetOptions {
  readonly hosts: number;
  readonly slots: number;
  readonly gateways: number;
  readonly settings?: Partial<GatewaySettings>;
}

export async function fleet(options: FleetOptions): Promise<Fleet> {
  const names = Array.from({ length: options.hosts }, (_, i) => `web${i + 1}` as HostName);
  const slots = await Promise.all(
    names.map(() => Promise.all(Array.from({ length: options.slots }, quickSlot))),
  );
  const hosts = names.map((name, i) => ({
    name,
    address: "local",
    root: `/srv/shop/${name}`,
    slots: (slots[i] ?? []).map(({ port }) => ({
      key: slotKey(name, port),
      host: name,
      port,
      dir: `/srv/shop/${name}/slots/${port}`,
      address: "127.0.0.1",
    })),
  }));
  const made = await Promise.all(names.slice(0, options.gateways).map(oneGateway));
  const gateways = made.map((one) => one.gateway);
  const first = gateways[0] as Gateway;
  const settings = { ...SETTINGS, ...options.settings };
  const application = { ...applicationOf([], first, settings), hosts, gateways };
  const keys = poolOf(hosts).map((slot) => slot.key);
  return {
    application,
    gateways,
    temporary: made.map((one) => one.temporary),
    port: nginxGateway({ application, hosts: localHost }),
    ports: poolOf(hosts).map((slot) => slot.port),
    table: (number, canary, share) => ({
      generation: generation(number),
      writer: "r1" as RolloutId,
      routing: { canary: keys.slice(0, canary), stable: keys.slice(canary), share: basisPoints(share) },
    }),
    close: async () => {
      await Promise.all(slots.flat().map((slot) => slot.close()));
      await Promise.all(made.map((one) => one.temporary.close()));
    },
  };
}

async function oneGateway(name: HostName) {
  const temporary = temporaryNginx();
  const { nginx } = temporary;
  const listens = await freePort();
  const gateway = {
    name,
    address: "local",
    config: join(nginx.confd, "shop.conf"),
    main: nginx.main,
    nginx: nginx.binary,
    listen: [`127.0.0.1:${listens}`],
    state: join(nginx.directory, "state"),
    log: join(nginx.directory, "logs", "shop.log"),
    listens,
  };
  mkdirSync(gateway.state, { recursive: true });
  await temporary.start();
  return { temporary, gateway };
}
