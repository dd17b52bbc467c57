// Several hosts that are all this machine, and several gateways with an nginx each in front of all of them.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { prepareNginx, startNginx, stopNginx, type Nginx } from "../../src/demo/nginx.ts";
import { freePorts } from "../../src/demo/ports.ts";
import type { Scene, Sections } from "../../src/demo/scene.ts";
import { certify } from "./certificate.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

export interface GatesOptions {
  readonly hosts: number;
  readonly slots: number;
  readonly gateways: number;
  /** The section of this name. */
  readonly rollout: Readonly<Record<string, unknown>>;
  /** Other sections, instead of those of the scene. */
  readonly sections?: Sections;
  /** The gateways speak TLS and HTTP/2, with a certificate of their own making. */
  readonly secure?: boolean;
}

export interface Gates extends Workspace {
  /** Ports at which the gateways are reached. */
  readonly gates: readonly number[];
  /** In the order of the gateways. */
  readonly nginxes: readonly Nginx[];
}

/** The first gateway is the scene's own nginx, the others have a directory `nginxN`. */
export async function openGates(options: GatesOptions): Promise<Gates> {
  const ports = await freePorts(options.gateways - 1 + options.hosts * options.slots);
  const others = ports.slice(0, options.gateways - 1);
  const slots = ports.slice(options.gateways - 1);
  const own = (port: number): string => `127.0.0.1:${port}${options.secure === true ? " ssl http2" : ""}`;
  const workspace = await openWorkspace({
    edit: (sections, scene) => ({
      ...sections,
      hosts: hostsOf(scene, slots, options),
      gateway: {
        ...(sections["gateway"] as object),
        ...(options.secure === true ? { tls: certify(scene.directory), listen: [own(scene.port)] } : {}),
        hosts: ["web1", ...others.map((port, i) => gatewayOf(scene, `web${i + 2}`, own(port)))],
      },
      rollout: options.rollout,
      ...options.sections,
    }),
  });
  const started = others.map((_, i) => prepareNginx(directoryOf(workspace, `web${i + 2}`)));
  await Promise.all(started.map(startNginx));
  return {
    ...workspace,
    gates: [workspace.port, ...others],
    nginxes: [workspace.nginx, ...started],
    close: () => closeAll(workspace, started),
  };
}

const directoryOf = ({ directory }: Pick<Scene, "directory">, name: string): string =>
  join(directory, `nginx-${name}`);

const hostsOf = (
  { root }: Scene,
  ports: readonly number[],
  { hosts, slots }: GatesOptions,
): Sections[string] =>
  Array.from({ length: hosts }, (_, i) => ({
    name: `web${i + 1}`,
    address: "local",
    root: join(root, `web${i + 1}`),
    slots: ports.slice(i * slots, (i + 1) * slots),
  }));

function gatewayOf(scene: Scene, name: string, listen: string): object {
  const nginx = prepareNginx(directoryOf(scene, name));
  const state = join(scene.directory, `switch-${name}`);
  mkdirSync(state);
  return {
    name,
    config: join(nginx.confd, "shop.conf"),
    main: nginx.main,
    listen: [listen],
    state,
    log: join(nginx.directory, "logs", "shop.log"),
  };
}

async function closeAll(workspace: Workspace, started: readonly Nginx[]): Promise<void> {
  await Promise.all(started.map(stopNginx));
  await workspace.close();
}
