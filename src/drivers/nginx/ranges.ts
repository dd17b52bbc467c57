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
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([^:]*):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 ? null : bare;
}
