import type { Claim } from "./tree.ts";

/** An entry as a reader of some format gives it; its body has to be read before the next one is asked for. */
export interface Entry extends Claim {
  /** Permission bits as found; null where the format has none. */
  readonly mode: number | null;
  /** Seconds since the epoch. */
  readonly mtime: number;
  readonly body: AsyncIterable<Uint8Array>;
}

export type Bytes = AsyncIterable<Uint8Array>;

export async function* noBody(): AsyncGenerator<Uint8Array> {
  // Links and directories carry nothing.
}
