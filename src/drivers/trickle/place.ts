import { isIP, isIPv6 } from "node:net";
import type { Gateway } from "../../model/application.ts";

/** Where a gateway's front is reached from here. */
export interface Place {
  readonly address: string;
  readonly port: number;
  readonly tls: boolean;
  /** It speaks HTTP/2. */
  readonly http2: boolean;
}

const LISTEN = /^(?:(.*):)?(\d+)((?: [a-z0-9_=]+)*)$/;
const EVERYWHERE: ReadonlySet<string> = new Set(["0.0.0.0", "::", "*"]);
const isLoopback = (address: string): boolean =>
  address.startsWith("127.") || address === "::1" || address === "localhost";

/**
 * The first of the gateway's own ports that can be reached; `reach` is the machine's address as seen from
 * here. A text says why there is none.
 */
export function placeOf({ name, listen }: Gateway, reach: string): Place | string {
  const places = listen.flatMap((text) => readListen(text, reach));
  const first = places.find(({ address }) => isLoopback(reach) || !isLoopback(address));
  if (first !== undefined) return first;
  return `${name} listens on ${listen.join(", ")} only, which is not reached from here`;
}

/** The one of HTTP/2, if there is one. */
export function http2PlaceOf({ listen }: Gateway, reach: string): Place | null {
  const places = listen.flatMap((text) => readListen(text, reach));
  return places.find(({ http2, address }) => http2 && (isLoopback(reach) || !isLoopback(address))) ?? null;
}

function readListen(text: string, reach: string): readonly Place[] {
  const [, host, port, rest = ""] = LISTEN.exec(text) ?? [];
  if (port === undefined) return [];
  const words = rest.split(" ");
  const bare = host?.replaceAll(/[[\]]/g, "") ?? "*";
  const address = EVERYWHERE.has(bare) ? reach : bare;
  return [{ address, port: Number(port), tls: words.includes("ssl"), http2: words.includes("http2") }];
}

/** As it stands in a Host header. */
export const authorityOf = ({ address, port }: Place): string =>
  `${isIPv6(address) ? `[${address}]` : address}:${port}`;

export const isAddress = (text: string): boolean => isIP(text) !== 0;
