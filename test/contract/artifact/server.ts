import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * A file server whose every answer can be scripted: one behaviour a request, the last one for all that
 * follow.
 */
export interface Behaviour {
  /** Close the connection after so many bytes of the body. */
  readonly cutAfter?: number;
  /** Fall silent after so many bytes. */
  readonly stallAfter?: number;
  readonly status?: number;
  readonly location?: string;
  readonly etag?: string | null;
  readonly lastModified?: string;
  readonly ignoreRange?: boolean;
  /** Answer with a range that begins so much later than was asked for. */
  readonly shiftRange?: number;
  readonly ignoreLength?: boolean;
  readonly encoding?: string;
  readonly body?: Uint8Array;
}

export interface Request {
  readonly url: string;
  readonly range: string | null;
  readonly ifRange: string | null;
  readonly authorization: string | null;
}

export interface Server {
  readonly url: string;
  readonly requests: readonly Request[];
  serve(...behaviours: readonly Behaviour[]): void;
  close(): Promise<void>;
}

const header = (request: IncomingMessage, name: string): string | null => {
  const value = request.headers[name];
  return typeof value === "string" ? value : null;
};

function startOf(request: IncomingMessage, behaviour: Behaviour): number {
  const start = Number(/^bytes=(\d+)-$/.exec(header(request, "range") ?? "")?.[1] ?? 0);
  if (behaviour.ignoreRange === true || start === 0) return 0;
  const condition = header(request, "if-range");
  const isSame = condition === behaviour.etag || condition === behaviour.lastModified;
  return isSame ? start + (behaviour.shiftRange ?? 0) : 0;
}

function answer(request: IncomingMessage, response: ServerResponse, behaviour: Behaviour): void {
  const { body = Buffer.alloc(0), etag = null, lastModified, location, encoding } = behaviour;
  if (location !== undefined) response.setHeader("location", location);
  if (etag !== null) response.setHeader("etag", etag);
  if (lastModified !== undefined) response.setHeader("last-modified", lastModified);
  if (encoding !== undefined) response.setHeader("content-encoding", encoding);
  if (behaviour.status !== undefined && behaviour.status !== 200) {
    response.writeHead(behaviour.status).end();
    return;
  }
  if (etag !== null && header(request, "if-none-match") === etag) {
    response.writeHead(304).end();
    return;
  }
  const start = startOf(request, behaviour);
  const rest = body.subarray(start);
  if (start > 0) response.setHeader("content-range", `bytes ${start}-${body.length - 1}/${body.length}`);
  if (behaviour.ignoreLength !== true) response.setHeader("content-length", rest.length);
  response.writeHead(start > 0 ? 206 : 200);
  const part = behaviour.cutAfter ?? behaviour.stallAfter;
  if (part === undefined) response.end(rest);
  else if (behaviour.cutAfter === undefined) response.write(rest.subarray(0, part));
  else response.write(rest.subarray(0, part), () => response.destroy());
}

export async function startServer(): Promise<Server> {
  const requests: Request[] = [];
  let script: readonly Behaviour[] = [{ status: 404 }];
  let served = 0;
  const server = createServer((request, response) => {
    requests.push({
      url: request.url ?? "",
      range: header(request, "range"),
      ifRange: header(request, "if-range"),
      authorization: header(request, "authorization"),
    });
    const behaviour = script[Math.min(served, script.length - 1)] ?? {};
    served += 1;
    answer(request, response, behaviour);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    serve: (...behaviours) => {
      script = behaviours;
      served = 0;
      requests.length = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
