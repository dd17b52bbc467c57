import { appError, type AppError } from "../../base/errors.ts";
import { seconds } from "../../base/time.ts";
import type { Place } from "./place.ts";
import { fault, fine, section, type Facts, type Look, type Said } from "./said.ts";
import { directivesOf, filesOf, type Directive } from "./survey.ts";

const OLDEST = [1, 25] as const;
const TODO = "install a newer nginx, for example nginx.org's own package, or leave gateway.http3 out";

/** What `nginx -V` says that it lacks for HTTP/3; null: nothing. */
export function lackIn(build: string): string | null {
  const [, version = "?", major = "0", minor = "0"] =
    /nginx version: [^/]+\/((\d+)\.(\d+)\S*)/.exec(build) ?? [];
  const isOld = Number(major) < OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) < OLDEST[1]);
  const needs = `gateway.http3 needs ${OLDEST.join(".")} or newer, built with http_v3`;
  if (isOld) return `it is version ${version}: ${needs}`;
  if (!build.includes("--with-http_v3_module")) return `it is version ${version} without http_v3: ${needs}`;
  return null;
}

/** For `check`. */
export const http3: Look = (facts) => {
  if (facts.gateway.http3 === undefined) return [];
  const lack = lackIn(section(facts, "build"));
  return lack === null ? [fine("it speaks HTTP/3"), ...twice(facts)] : [fault(lack, TODO)];
};

/** `443`, `*:443` and `0.0.0.0:443` are one socket to nginx, and others are others. */
function socketOf(listen: string): string {
  const [, host = "", port] = /^(?:(.*):)?(\d+)$/.exec(listen.split(" ")[0] ?? "") ?? [];
  return `${host === "" || host === "*" ? "0.0.0.0" : host.toLowerCase()}:${port ?? "80"}`;
}

const OPTION =
  /^(?:reuseport|bind|deferred|setfib|fastopen|backlog|rcvbuf|sndbuf|accept_filter|so_keepalive|ipv6only)/;

/** The sockets whose options a file sets for QUIC. */
function setIn(text: string): readonly string[] {
  const listens = (all: readonly Directive[]): readonly Directive[] =>
    all.flatMap((one) => [...(one.name === "listen" ? [one] : []), ...listens(one.block ?? [])]);
  return listens(directivesOf(text))
    .filter(({ args }) => args.includes("quic") && args.some((one) => OPTION.test(one)))
    .map(({ args }) => socketOf(args[0] ?? ""));
}

/** Whether another server has the port's options already: nginx takes them once. */
function twice(facts: Facts): readonly Said[] {
  const { listen, config, http3: how } = facts.gateway;
  if (how === "shared") return [];
  const ours = new Map(
    listen.filter((one) => one.split(" ").includes("ssl")).map((one) => [socketOf(one), one.split(" ")[0]]),
  );
  return [...filesOf(section(facts, "dump"))]
    .map(([path, text]) => ({ path, text, app: /^# glidepath app=(\S+)/m.exec(text)?.[1] }))
    .filter(({ path, app }) => path !== config && app !== facts.application.name)
    .flatMap(({ path, text, app }) => {
      const taken = [...new Set(setIn(text))].filter((socket) => ours.has(socket));
      const who = app === undefined ? "" : ` (the application ${app})`;
      return taken.map((socket) =>
        fault(
          `${path}${who} listens with quic and options of its own on ${ours.get(socket)}, as this would: ` +
            'nginx takes them once ("duplicate listen options")',
          "write `http3: shared` for all but one of the servers on that port",
        ),
      );
    });
}

const BUILD = `PATH=$PATH:/usr/sbin:/sbin
exec "$1" -V 2>&1
`;

/** Before anything is written: nginx would only say that it does not know the word. */
export async function http3Trouble({ gateway, host }: Place): Promise<AppError | null> {
  if (gateway.http3 === undefined) return null;
  const reply = await host.run({ script: BUILD, args: [gateway.nginx], timeout: seconds(10) });
  // Whoever cannot be asked cannot be written to either, and says so then.
  if (reply.kind === "lost" || reply.code !== 0) return null;
  const lack = lackIn(reply.stdout);
  const message = `${gateway.name}: ${gateway.nginx} cannot serve HTTP/3: ${lack}`;
  return lack === null ? null : appError("gateway.unsupported", message, { hint: TODO });
}
