// Who lost a failed request: the host that the fault struck, or us.
import type { LoadFailure } from "../../../src/demo/load/report.ts";

/** One request as a gateway logged it. */
export interface Logged {
  /** Milliseconds since the Unix epoch. */
  readonly endedAt: number;
  readonly status: number;
  /** `10.77.3.11:8001`, in the order in which they were tried. */
  readonly upstreams: readonly string[];
}

export interface Struck {
  /** Of the host that was cut off, died or restarted; null: it lived on. */
  readonly address: string | null;
  /** The gateway that was down, or could not be reached. */
  readonly gateway: string | null;
  readonly at: number;
  /** From when on its gateway answered again. */
  readonly backAt: number;
}

export interface GatewayLoad {
  readonly gateway: string;
  readonly failures: readonly LoadFailure[];
  readonly log: readonly Logged[];
}

export interface Losses {
  /** Of those who asked the gateway that was down. */
  readonly atItsGateway: number;
  /** Sent on by a living gateway, and in flight on the host that died. */
  readonly onTheHost: number;
  /** All else, in words. There must be none. */
  readonly others: readonly string[];
}

/** The log's time is that of the last byte sent; the client's that of the last byte read. */
const APART_MS = 500;

export function lossesOf(loads: readonly GatewayLoad[], struck: Struck): Losses {
  const losses = { atItsGateway: 0, onTheHost: 0, others: [] as string[] };
  for (const { gateway, failures, log } of loads) {
    const left = [...log];
    for (const failure of failures) {
      const endedAt = failure.sentAt + failure.took;
      if (gateway === struck.gateway && failure.sentAt < struck.backAt && endedAt > struck.at) {
        losses.atItsGateway += 1;
        continue;
      }
      const place = left.findIndex((line) => isOf(line, failure, endedAt));
      const [line] = place === -1 ? [] : left.splice(place, 1);
      const tried = line?.upstreams ?? [];
      if (struck.address !== null && endedAt > struck.at && triedOn(tried, struck.address))
        losses.onTheHost += 1;
      else losses.others.push(words(gateway, failure, { tried, since: struck.at }));
    }
  }
  return losses;
}

const triedOn = (tried: readonly string[], address: string): boolean =>
  tried.some((upstream) => upstream.startsWith(`${address}:`));

/** A client that gave up waiting is a 499 in the log. */
const isOf = ({ status, endedAt }: Logged, failure: LoadFailure, at: number): boolean =>
  Math.abs(endedAt - at) < APART_MS && (failure.status === null ? status === 499 : status === failure.status);

const words = (
  gateway: string,
  { method, kind, message, sentAt, took }: LoadFailure,
  { tried, since }: { readonly tried: readonly string[]; readonly since: number },
): string =>
  `${method} by ${gateway}, sent ${Math.round(sentAt - since)} ms after the fault, ended after ` +
  `${Math.round(took)} ms: ${kind}, ${message}; tried ${tried.join(", ") || "nothing that was logged"}`;

/** Lines of failed requests in a gateway's log, whose fields src/drivers/nginx writes. */
export function readLog(text: string): readonly Logged[] {
  return text.split("\n").flatMap((line) => {
    const fields = line.split("\t");
    const status = Number(fields[3] ?? "0");
    if (fields[0] !== "g1" || status < 499) return [];
    const upstreams = (fields[8] ?? "").split(/[,:] +/).filter((one) => one !== "");
    return [{ endedAt: Number(fields[1]) * 1000, status, upstreams }];
  });
}
