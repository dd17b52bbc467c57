import { formatDuration } from "../../base/time.ts";
import { Agent, request as plainRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as TlsAgent, request as tlsRequest, type RequestOptions } from "node:https";
import { bounded, TOLD, whole, wordsOf, type Answer, type Asker, type Asking } from "./asking.ts";

/** What is sent besides the head. */
export interface Sending {
  readonly method: "GET" | "POST";
  readonly type?: string;
  readonly body?: Buffer;
  /** The body is spread evenly over `hold`. */
  readonly slowly?: boolean;
  /** The answer is an event stream: after `hold` it has lasted long enough. */
  readonly stream?: boolean;
}

/** HTTP/1.1 over one connection that is kept alive. */
export function httpAsker(sending: Sending): Asker {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  // What is proved is that nothing breaks; whose certificate it is, is for `check` and for browsers.
  const tlsAgent = new TlsAgent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  const send = (asking: Asking): ClientRequest =>
    asking.place.tls
      ? tlsRequest({ ...optionsOf(asking, sending), agent: tlsAgent })
      : plainRequest({ ...optionsOf(asking, sending), agent });
  return {
    ask: (asking) => exchange(asking, sending, send),
    close: () => {
      agent.destroy();
      tlsAgent.destroy();
    },
  };
}

function optionsOf({ place, path, headers, serverName }: Asking, sending: Sending): RequestOptions {
  const { method, type, body } = sending;
  return {
    host: place.address,
    port: place.port,
    method,
    path,
    headers: {
      ...headers,
      ...(type === undefined ? {} : { "Content-Type": type }),
      ...(body === undefined ? {} : { "Content-Length": body.length }),
    },
    ...(serverName === null ? {} : { servername: serverName }),
  };
}

export const toldBy = ({ headers }: Pick<IncomingMessage, "headers">): string | null => {
  const told = headers[TOLD];
  return typeof told === "string" ? told : null;
};

interface State {
  response: IncomingMessage | null;
  isConnected: boolean;
  /** Bytes of the body. */
  sent: number;
}

/** From the first byte that is sent to the last one of the answer. */
function exchange(
  asking: Asking,
  sending: Sending,
  send: (asking: Asking) => ClientRequest,
): Promise<Answer | null> {
  return bounded(asking, (settle) => {
    const state: State = { response: null, isConnected: false, sent: 0 };
    const timers: NodeJS.Timeout[] = [];
    const broken = (said: string): Answer => {
      const told = state.response === null ? null : toldBy(state.response);
      const isSent = state.isConnected && state.sent > 0;
      const isBegun = state.response !== null || (sending.slowly === true && isSent);
      return { end: isBegun ? "cut" : "failed", said, told };
    };
    const sent = send(asking);
    sent.on("error", (error) => settle(broken(wordsOf(error))));
    sent.on("socket", (socket) => {
      state.isConnected = !socket.connecting;
      if (socket.connecting) socket.once("connect", () => (state.isConnected = true));
    });
    sent.on("response", (response) => {
      state.response = response;
      response.on("error", (error) => settle(broken(wordsOf(error))));
      response.on("close", () => settle(broken("the answer broke off")));
      response.on("end", () => {
        if (response.complete)
          settle(whole(response.statusCode ?? 0, toldBy(response), isFit(response, sending)));
      });
      response.resume();
      if (sending.stream === true && isFit(response, sending)) {
        timers.push(setTimeout(() => settle(whole(response.statusCode ?? 0, toldBy(response))), asking.hold));
      }
    });
    write(sent, { sending, asking, timers, onPart: (bytes) => (state.sent += bytes) });
    return {
      late: () =>
        broken(
          `no ${state.response === null ? "" : "whole "}answer within ${formatDuration(asking.timeout)}`,
        ),
      end: () => {
        for (const timer of timers) clearTimeout(timer);
        // A connection that gave its answer in whole is kept; all others are given up.
        if (state.response?.complete !== true || !sent.writableEnded) sent.destroy();
      },
    };
  });
}

function isFit({ statusCode = 0, headers }: IncomingMessage, { stream = false }: Sending): boolean {
  if (statusCode >= 400) return false;
  return !stream || (headers["content-type"] ?? "").startsWith("text/event-stream");
}

interface Writing {
  readonly sending: Sending;
  readonly asking: Asking;
  readonly timers: NodeJS.Timeout[];
  readonly onPart: (bytes: number) => void;
}

const PART_MS = 100;

function write(sent: ClientRequest, { sending, asking, timers, onPart }: Writing): void {
  const { body, slowly = false } = sending;
  if (body === undefined || !slowly) return void sent.end(body);
  const parts = Math.max(1, Math.floor(asking.hold / PART_MS));
  const size = Math.ceil(body.length / parts);
  let at = 0;
  const next = (): void => {
    if (sent.destroyed || sent.writableEnded) return;
    const part = body.subarray(at, at + size);
    at += size;
    onPart(part.length);
    if (at >= body.length) return void sent.end(part);
    sent.write(part);
    timers.push(setTimeout(next, PART_MS));
  };
  next();
}
