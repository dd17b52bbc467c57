import { gapOf } from "../../base/gap.ts";

/**
 * Keeps the beginning and the end of a stream of bytes and forgets the middle, so that no output can fill
 * memory.
 */
export interface Bounded {
  push(chunk: Uint8Array): void;
  text(): string;
}

export function bounded(limit: number): Bounded {
  const half = Math.floor(limit / 2);
  const head: Uint8Array[] = [];
  const tail: Uint8Array[] = [];
  let headBytes = 0;
  let tailBytes = 0;
  let lost = 0;
  const pushTail = (chunk: Uint8Array): void => {
    tail.push(chunk);
    tailBytes += chunk.length;
    while (tailBytes - (tail[0]?.length ?? 0) >= half) {
      const dropped = tail.shift()?.length ?? 0;
      tailBytes -= dropped;
      lost += dropped;
    }
  };
  return {
    push(chunk) {
      const room = half - headBytes;
      const first = chunk.subarray(0, room);
      head.push(first);
      headBytes += first.length;
      if (chunk.length > room) pushTail(chunk.subarray(room));
    },
    text() {
      const end = Buffer.concat(tail);
      const over = Math.max(0, end.length - half);
      const gap = lost + over === 0 ? [] : [Buffer.from(`\n${gapOf(lost + over)}\n`)];
      return Buffer.concat([...head, ...gap, end.subarray(over)]).toString("utf8");
    },
  };
}
