import { BlockList, isIP, SocketAddress } from "node:net";

type Family = "ipv4" | "ipv6";
const familyOf = (address: string): Family => (isIP(address) === 6 ? "ipv6" : "ipv4");

/** The address lies in one of the ranges; an IPv4 address that is written as IPv6 is one of IPv4. */
export function isInside(address: string, ranges: readonly string[]): boolean {
  if (isIP(address) === 0) return false;
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", bits] = range.split("/");
    const family = familyOf(network);
    if (bits === undefined) list.addAddress(network, family);
    else list.addSubnet(network, Number(bits), family);
  }
  return list.check(address, familyOf(address));
}

/** As nginx writes it in $remote_addr. */
export const canonical = (address: string): string =>
  isIP(address) === 6 ? new SocketAddress({ address, family: "ipv6" }).address : address;

/** From the right: the nearest address that is not a trusted proxy's, as far as they are addresses. */
export function clientOf(peer: string, forwarded: string, trusted: readonly string[]): string {
  let client = peer;
  const said = forwarded.split(/[ ,]+/).filter((part) => part !== "");
  while (isInside(client, trusted)) {
    const next = addressIn(said.pop() ?? "");
    if (next === null) break;
    client = next;
  }
  return client;
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. */
function addressIn(text: string): string | null {
  const [, far, near, port] = /^(?:\[(.*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const isPort = port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
  return bareAddress(text) ?? (isPort ? bareAddress(far ?? near ?? "") : null);
}

/** As nginx reads one: leading zeros are none, there are no zones, and the broadcast address is none. */
function bareAddress(text: string): string | null {
  if (isIP(text) === 6) return text.includes("%") ? null : text;
  const parts = text.split(".").map(Number);
  const isV4 =
    /^[0-9]*(?:\.[0-9]*){3}$/.test(text) &&
    parts.every((part) => part <= 255) &&
    parts.some((part) => part < 255);
  return isV4 ? parts.join(".") : null;
}
