/** The little of RFC 6455 that a client needs which only pings and closes. */
export const PING = 0x9;
export const PONG = 0xa;
export const CLOSE = 0x8;

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A whole frame of a client, masked; control frames carry at most 125 bytes. */
export function frameOf(opcode: number, payload: Buffer, mask: Buffer): Buffer {
  const masked = payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, masked]);
}

/** The frames that are whole in what has come so far, and the rest. A server's are never masked. */
export function readFrames(bytes: Buffer): { readonly frames: readonly Frame[]; readonly rest: Buffer } {
  const frames: Frame[] = [];
  let rest = bytes;
  for (;;) {
    const head = headOf(rest);
    if (head === null || rest.length < head.size + head.length) return { frames, rest };
    const payload = rest.subarray(head.size, head.size + head.length);
    frames.push({ opcode: head.opcode, payload });
    rest = rest.subarray(head.size + head.length);
  }
}

/** `size` of the head, `length` of what follows it. */
function headOf(bytes: Buffer): { opcode: number; size: number; length: number } | null {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return null;
  const opcode = first & 0x0f;
  const short = second & 0x7f;
  if (short < 126) return { opcode, size: 2, length: short };
  if (short === 126) return bytes.length < 4 ? null : { opcode, size: 4, length: bytes.readUInt16BE(2) };
  return bytes.length < 10 ? null : { opcode, size: 10, length: Number(bytes.readBigUInt64BE(2)) };
}

/** The code that a close frame carries; null: none. */
export const closeCode = ({ payload }: Frame): number | null =>
  payload.length < 2 ? null : payload.readUInt16BE(0);

export const closing = (code: number): Buffer => {
  const payload = Buffer.alloc(2);
  payload.writeUInt16BE(code, 0);
  return payload;
};
