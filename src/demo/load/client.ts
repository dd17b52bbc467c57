// One request of one user. Connections are kept alive and never retried: what the gateway breaks is counted.
import { Agent, type IncomingMessage, request } from "node:http";
import type { Ended } from "./recorder.ts";
import type { FailureKind } from "./report.ts";

/** A browser: its connections and its cookies. */
export interface User {
  readonly number: number;
  readonly agent: Agent;
  readonly cookies: Map<string, string>;
}

export interface Asked {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: string | null;
  /** How long the request asks the application to take. */
  readonly wait: number;
}

export interface Target {
  readonly url: URL;
  readonly hostHeader: string | null;
  readonly timeout: number;
}

export const newUser = (number: number): User => ({
  number,
  // More than six at once would be no browser; with slow answers a user needs more than one.
  agent: new Agent({ keepAlive: true, maxSockets: 6, scheduling: "lifo" }),
  cookies: new Map([["uid", `user-${number}`]]),
});

/** Milliseconds since the Unix epoch, finer than Date.now. */
export const now = (): number => performance.timeOrigin + performance.now();

function keepCookies(user: User, res: IncomingMessage): void {
  for (const line of res.headers["set-cookie"] ?? []) {
    const [pair = ""] = line.split(";");
    const at = pair.indexOf("=");
    if (at > 0) user.cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
}

function kindOf(error: NodeJS.ErrnoException): FailureKind {
  if (error.code === "ECONNREFUSED") return "refused";
  if (error.code === "ECONNRESET" || error.code === "EPIPE" || error.code?.startsWith("HPE_") === true)
    return "reset";
  return "other";
}

/** What is wrong with a whole answer, or null. */
function fault(asked: Asked, res: IncomingMessage, body: string): Ended["failure"] {
  const status = res.statusCode ?? 0;
  if (status < 200 || status > 299) return { kind: "status", message: `status ${status}` };
  if (asked.body !== null) {
    return body === asked.body ? null : { kind: "body", message: `${body.length} bytes, not the ones sent` };
  }
  const release = String(res.headers["x-release"] ?? "");
  const good = release !== "" && body.includes(`This is release ${release}.`);
  return good ? null : { kind: "body", message: `not the page of release "${release}"` };
}

const header = (res: IncomingMessage, name: string): string | null => {
  const value = res.headers[name];
  return typeof value === "string" ? value : null;
};

/** Resolves always, with what came of it. `scheduledAt` is when it ought to have been sent. */
export function send(user: User, asked: Asked, target: Target): Promise<Ended> {
  const sentAt = now();
  const base = { user: user.number, method: asked.method, path: asked.path, sentAt, asked: asked.wait };
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const end = (failure: Ended["failure"], res: IncomingMessage | null): void => {
    clearTimeout(timer);
    resolve({
      ...base,
      took: now() - sentAt,
      status: res?.statusCode ?? null,
      release: res === null ? null : header(res, "x-release"),
      slot: res === null ? null : header(res, "x-slot"),
      failure,
    });
  };
  const failed = (error: NodeJS.ErrnoException, res: IncomingMessage | null): void =>
    end({ kind: kindOf(error), message: error.message }, res);
  const headers: Record<string, string | number> = {
    Cookie: [...user.cookies].map(([name, value]) => `${name}=${value}`).join("; "),
    ...(target.hostHeader === null ? {} : { Host: target.hostHeader }),
    ...(asked.body === null ? {} : { "Content-Length": Buffer.byteLength(asked.body) }),
  };
  const { hostname, port } = target.url;
  const req = request({ hostname, port, agent: user.agent, method: asked.method, path: asked.path, headers });
  const timer = setTimeout(() => {
    end({ kind: "timeout", message: `no whole answer after ${target.timeout} ms` }, null);
    req.destroy();
  }, target.timeout);
  req.on("error", (error) => failed(error, null));
  req.on("response", (res) => {
    let body = "";
    res.setEncoding("utf8");
    res.on("data", (part: string) => (body += part));
    res.on("error", (error) => failed(error, res));
    res.on("end", () => {
      keepCookies(user, res);
      end(fault(asked, res, body), res);
    });
  });
  req.end(asked.body ?? undefined);
  return promise;
}
