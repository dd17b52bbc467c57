import type { Application, Host } from "../model/application.ts";
import { finding } from "./diagnostic.ts";
import type { Finding } from "./diagnostic.ts";
import { isIp } from "./grammar.ts";
import { nameFrom, repeated } from "./rules/pool.ts";
import type { FileValue } from "./schema.ts";

/** What ssh makes of an address: its HostName; null when ssh cannot say. */
export type HostNameOf = (address: string, sshConfig: string | null) => string | null;

export interface Served {
  readonly application: Application;
  readonly findings: readonly Finding[];
}

/**
 * Where gateways reach the slots of each host. nginx is told an IP address: of a name it would keep, until
 * its next reload, whatever it resolved to when it read the config.
 */
export function withServing(application: Application, file: FileValue, hostNameOf: HostNameOf): Served {
  const findings: Finding[] = [];
  const hosts = application.hosts.map((host, i) => {
    if (host.slots.length === 0) return host;
    const found = servingAddress(host, application, { serves: file.hosts[i]?.serves, hostNameOf });
    if (!isIp(found)) findings.push(unserved(host, i, found));
    return { ...host, slots: host.slots.map((slot) => ({ ...slot, address: found })) };
  });
  return { application: { ...application, hosts }, findings: [...findings, ...twice(hosts)] };
}

interface Known {
  readonly serves: string | undefined;
  readonly hostNameOf: HostNameOf;
}

function servingAddress(host: Host, application: Application, { serves, hostNameOf }: Known): string {
  if (serves !== undefined) return serves;
  if (isAllThere(host, application)) return "127.0.0.1";
  if (host.address === "local") return "local";
  const given = nameFrom(host.address);
  return isIp(given) ? given : (hostNameOf(host.address, application.sshConfig) ?? given);
}

/** Whoever asks the slots is on their machine. Commands that check or warm up ask from the controller. */
const isAllThere = ({ address }: Host, { gateways, smoke, warm = [] }: Application): boolean =>
  gateways.every((gateway) => gateway.address === address) &&
  (address === "local" || ![...smoke, ...warm].some(({ kind }) => kind === "run"));

function unserved(host: Host, i: number, found: string): Finding {
  const why =
    found === "local"
      ? `gateways on other hosts reach the slots of ${host.name}`
      : `${host.address} is ${found} and no IP address, which nginx needs`;
  return finding("missing", ["hosts", i], {
    message: `serves is required here: ${why}`,
    hint: `serves: the IP address at which gateways reach ${host.name}`,
  });
}

/** Two names for one machine: the gateways could not tell such slots apart. */
const twice = (hosts: readonly Host[]): readonly Finding[] =>
  repeated(
    hosts.flatMap((host, i) =>
      host.slots.map((slot, j) => ({
        key: isIp(slot.address) ? `${slot.address} ${slot.port}` : null,
        path: ["hosts", i, "slots", j],
        what: `${slot.address}:${slot.port}`,
      })),
    ),
  );
