/** nginx's hash of split_clients: MurmurHash2 of 32 bits with seed 0. */
export function murmur2(data: Uint8Array): number {
  const m = 0x5bd1e995;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let h = data.length >>> 0;
  let at = 0;
  for (; data.length - at >= 4; at += 4) {
    let k = Math.imul(view.getUint32(at, true), m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const rest = data.subarray(at);
  if (rest.length > 0) {
    h ^= rest.reduce((sum, byte, i) => sum | (byte << (8 * i)), 0);
    h = Math.imul(h, m);
  }
  h = Math.imul(h ^ (h >>> 13), m);
  return (h ^ (h >>> 15)) >>> 0;
}

const PART = Math.floor((100 * 0xffff_ffff) / 10_000);

function pairOf(text: string): number {
  return Math.min(99, Math.floor(murmur2(new TextEncoder().encode(text)) / PART));
}

/** The bucket, 0 to 9999, in which nginx puts a user key; the gateway need not be asked. */
export function bucketOfUser(app: string, user: string): number {
  return pairOf(`${app}/top|${user}`) * 100 + pairOf(`${app}/sub|${user}`);
}
