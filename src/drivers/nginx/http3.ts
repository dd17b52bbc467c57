import { appError, type AppError } from "../../base/errors.ts";
import { seconds } from "../../base/time.ts";
import type { Place } from "./place.ts";
import { fault, fine, section, type Look } from "./said.ts";

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
  return [lack === null ? fine("it speaks HTTP/3") : fault(lack, TODO)];
};

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
