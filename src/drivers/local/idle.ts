import { Agent, request, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { millis } from "../../base/time.ts";
import type { HostAnswer, HostRequest } from "../../ports/host.ts";
import { noAnswer, trouble } from "./trouble.ts";

/** Keeps a connection for as long as the other end does, whatever that one says in a header. */
class Keeping extends Agent {
  readonly #dial: () => Duplex;

  constructor(dial: () => Duplex) {
    super({ keepAlive: true });
    this.#dial = dial;
  }

  override createConnection(): Duplex {
    return this.#dial();
  }

  override keepSocketAlive(): boolean {
    return true;
  }
}

/** It was not kept at all. */
const NEVER = millis(0);

const failed = (why: string): HostAnswer => ({ kind: "failed", why });

/** The other end says that it will not keep the connection. */
const announcesEnd = ({ headers, httpVersionMinor }: IncomingMessage): boolean => {
  const said = (headers.connection ?? "").toLowerCase();
  return said === "close" || (httpVersionMinor === 0 && said !== "keep-alive");
};

/** One GET, and what becomes of its connection when nothing follows; see HostRequest.idle. */
export function watchIdle(dial: () => Duplex, asked: HostRequest): Promise<HostAnswer> {
  const { to, path, headers, timeout, idle = millis(0), signal } = asked;
  const { port, address = "127.0.0.1" } = to;
  return new Promise((resolve) => {
    let connection: Duplex | null = null;
    let over: NodeJS.Timeout | undefined;
    const leave = (): void => settle(failed("nobody waited for it"));
    const settle = (answer: HostAnswer): void => {
      clearTimeout(deadline);
      clearTimeout(over);
      signal?.removeEventListener("abort", leave);
      resolve(answer);
      connection?.destroy();
    };
    const deadline = setTimeout(() => settle(failed(noAnswer(timeout))), timeout);
    const agent = new Keeping(() => (connection = dial()));
    const sent = request({ host: address, port, path, headers: { ...headers }, agent }, (response) => {
      const answered = { kind: "answered", status: response.statusCode ?? 0, body: "" } as const;
      response.on("error", (error) => settle(failed(trouble(error))));
      response.on("end", () => {
        clearTimeout(deadline);
        if (announcesEnd(response) || connection === null) return settle({ ...answered, closedAfter: NEVER });
        const since = performance.now();
        over = setTimeout(() => settle({ ...answered, closedAfter: null }), idle);
        for (const event of ["end", "close", "error"]) {
          connection.once(event, () => {
            settle({ ...answered, closedAfter: millis(Math.max(1, performance.now() - since)) });
          });
        }
      });
      response.resume();
    });
    sent.on("error", (error) => settle(failed(trouble(error))));
    signal?.addEventListener("abort", leave);
    if (signal?.aborted === true) leave();
    sent.end();
  });
}
