import { request, type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { HostAnswer, HostRequest } from "../../ports/host.ts";
import { watchIdle } from "./idle.ts";
import { noAnswer, trouble } from "./trouble.ts";

const DEFAULT_LIMIT_BYTES = 64 * 1024;

const failed = (why: string): HostAnswer => ({ kind: "failed", why });

const cut = (status: number | null): string =>
  status === null
    ? "connection closed without an answer"
    : `connection closed in the middle of an answer with status ${status}`;

export const get = (asked: HostRequest): Promise<HostAnswer> =>
  getOver(() => connect({ host: asked.to.address ?? "127.0.0.1", port: asked.to.port }), asked);

/** One GET over a stream of its own; redirects are an answer like any other. */
export function getOver(dial: () => Duplex, asked: HostRequest): Promise<HostAnswer> {
  if (asked.idle !== undefined) return watchIdle(dial, asked);
  return new Promise((resolve) => {
    let sent: ClientRequest | null = null;
    let status: number | null = null;
    const settle = (answer: HostAnswer): void => {
      clearTimeout(deadline);
      resolve(answer);
      sent?.destroy();
    };
    const deadline = setTimeout(() => settle(failed(noAnswer(asked.timeout))), asked.timeout);
    try {
      sent = request(optionsOf(dial, asked), (response) => {
        status = response.statusCode ?? 0;
        read(response, asked.limit ?? DEFAULT_LIMIT_BYTES, settle);
      });
    } catch (error) {
      settle(failed(trouble(error)));
      return;
    }
    sent.on("error", (error) => settle(failed(trouble(error))));
    sent.on("close", () => settle(failed(cut(status))));
    sent.end();
  });
}

function read(response: IncomingMessage, limit: number, settle: (answer: HostAnswer) => void): void {
  const status = response.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let bytes = 0;
  const answer = (): void =>
    settle({ kind: "answered", status, body: Buffer.concat(chunks).subarray(0, limit).toString("utf8") });
  response.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= limit) answer();
  });
  response.on("end", answer);
  // The request's "close" tells; without a listener the error would be thrown.
  response.on("error", () => {});
}

function optionsOf(dial: () => Duplex, { to, path, headers, method = "GET" }: HostRequest): RequestOptions {
  const { port, address = "127.0.0.1" } = to;
  return { host: address, port, method, path, headers: { ...headers }, createConnection: dial };
}
