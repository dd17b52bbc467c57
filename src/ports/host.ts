import type { Duration } from "../base/time.ts";
import type { HostName } from "../model/ids.ts";

/**
 * A POSIX shell script with its arguments as $1, $2, …: no string of the user's is ever spliced into the
 * script.
 */
export interface HostCommand {
  readonly script: string;
  readonly args?: readonly string[];
  /** Fed to the script's standard input: bytes, or the path of a file on the controller. */
  readonly input?: Uint8Array | { readonly file: string };
  readonly timeout: Duration;
  readonly signal?: AbortSignal;
}

export type HostReply =
  | { readonly kind: "exited"; readonly code: number; readonly stdout: string; readonly stderr: string }
  /** The script may or may not have run, or may still run. */
  | { readonly kind: "lost"; readonly why: string; readonly todo?: string };

export interface Endpoint {
  readonly port: number;
  readonly address?: string;
}

export interface HostRequest {
  /** A TCP port (of `address`, default 127.0.0.1) as seen from the host. */
  readonly to: Endpoint;
  readonly path: string;
  /** Default: GET. Without a body. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeout: Duration;
  /** Bytes of the body to keep; default 64 KiB. */
  readonly limit?: number;
  /** The connection is kept after the answer, for so long at most, to see when the other end closes it. */
  readonly idle?: Duration;
  /** Ends that waiting, and the connection. */
  readonly signal?: AbortSignal;
}

export type HostAnswer =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly body: string;
      /** Where `idle` was asked for. null: it was kept longer. 0: the answer said that it would end. */
      readonly closedAfter?: Duration | null;
    }
  | Failed;

/** `why` for people. */
export type Failed =
  /** Who was asked did not answer: `connection refused`, `no answer within 2s`. */
  | { readonly kind: "failed"; readonly why: string }
  /** The host itself could not be reached, so nothing is known of who was asked. */
  | { readonly kind: "lost"; readonly why: string };

export type HostContact = { readonly kind: "connected" } | Failed;

/** A machine: all that drivers do on a host goes through here, so that near and far are the same code. */
export interface HostPort {
  readonly name: HostName;
  run(command: HostCommand): Promise<HostReply>;
  /** One HTTP request made on the host. */
  get(request: HostRequest): Promise<HostAnswer>;
  /** Opens and closes a TCP connection on the host. */
  connect(to: Endpoint, timeout: Duration): Promise<HostContact>;
  /** How much may be done there at once, as far as it is known by now; absent: as much as one likes. */
  sessions?(): number;
}

/** Finds the machine of a name; all names of the file are known. */
export type Hosts = (name: HostName) => HostPort;
