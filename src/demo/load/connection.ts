// One keep-alive connection that is used for one request at a time and never tries anything again.
import { type Socket, connect } from "node:net";
import { type Answer, AnswerReader } from "./answer.ts";
import type { FailureKind } from "./report.ts";

export type Exchange =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly kind: FailureKind; readonly message: string };

export interface Connection {
  /** Settles once, always. Not to be called again before. */
  readonly exchange: (request: string, timeout: number) => Promise<Exchange>;
  /** Open, and may carry another request. */
  readonly isUsable: () => boolean;
  readonly close: () => void;
}

interface Waiting {
  readonly reader: AnswerReader;
  readonly settle: (exchange: Exchange) => void;
}

function kindOf(code: string | undefined): FailureKind {
  if (code === "ECONNREFUSED") return "refused";
  return code === "ECONNRESET" || code === "EPIPE" ? "reset" : "other";
}

export function openConnection(host: string, port: number): Connection {
  let waiting: Waiting | null = null;
  let usable = true;
  const socket: Socket = connect({ host, port, noDelay: true });
  const settle = (exchange: Exchange): void => {
    const { settle: tell } = waiting ?? {};
    waiting = null;
    if (!exchange.ok || !exchange.answer.keepAlive) {
      usable = false;
      socket.destroy();
    }
    tell?.(exchange);
  };
  const fail = (kind: FailureKind, message: string): void =>
    settle({
      ok: false,
      kind: kind === "reset" && waiting?.reader.hasBegun === true ? "cut" : kind,
      message,
    });

  socket.setEncoding("latin1");
  socket.on("data", (piece: string) => {
    // Nobody asked: a gateway that says 408 to an idle connection, and closes it.
    if (waiting === null) usable = false;
    try {
      const answer = waiting?.reader.push(piece) ?? null;
      if (answer !== null) settle({ ok: true, answer });
    } catch (error) {
      fail("body", error instanceof Error ? error.message : String(error));
    }
  });
  socket.on("error", (error: NodeJS.ErrnoException) => fail(kindOf(error.code), error.message));
  socket.on("close", () => {
    usable = false;
    const answer = waiting?.reader.close() ?? null;
    if (answer === null) fail("reset", "the connection was closed before the whole answer");
    else settle({ ok: true, answer });
  });

  const exchange = (request: string, timeout: number): Promise<Exchange> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => fail("timeout", `no whole answer after ${timeout} ms`), timeout);
      waiting = {
        reader: new AnswerReader(),
        settle: (one) => {
          clearTimeout(timer);
          resolve(one);
        },
      };
      if (socket.destroyed) fail("reset", "the connection was closed before the request");
      else socket.write(request, "latin1");
    });
  return { exchange, isUsable: () => usable && !socket.destroyed, close: () => void socket.destroy() };
}
