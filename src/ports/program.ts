import type { Duplex } from "node:stream";
import type { Duration } from "../base/time.ts";
import type { HostAnswer, HostReply, HostRequest } from "./host.ts";

/** A program on the controller, such as ssh. */
export interface Program {
  readonly argv: readonly [string, ...string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Bytes, or the path of a file. */
  readonly input?: Uint8Array | { readonly file: string };
  /** Once this is on its standard output everything is said, whoever holds the output open. */
  readonly ending?: string;
  /** Its whole process group is killed then. */
  readonly timeout: Duration;
  readonly signal?: AbortSignal;
}

export type RunProgram = (program: Program) => Promise<HostReply>;

/** One GET over a stream of our own; the stream is destroyed afterwards. */
export type GetOver = (dial: () => Duplex, asked: HostRequest) => Promise<HostAnswer>;
