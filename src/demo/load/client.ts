// One request of one user. Connections are kept alive and nothing is tried again: what the gateway breaks
// is counted.
import type { Answer } from "./answer.ts";
import { type Connection, type Exchange, openConnection } from "./connection.ts";
import type { Ended } from "./recorder.ts";

/** A browser: its connections and its cookies. */
export interface User {
  readonly number: number;
  /** Those without a request; the last used is used first. */
  readonly idle: Connection[];
  readonly cookies: Map<string, string>;
}

export interface Asked {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: string | null;
  /** Over a connection of its own. */
  readonly fresh: boolean;
  /** How long the request asks the application to take. */
  readonly wait: number;
}

export interface Target {
  readonly hostname: string;
  readonly port: number;
  readonly hostHeader: string;
  readonly timeout: number;
}

export const newUser = (number: number): User => ({
  number,
  idle: [],
  cookies: new Map([["uid", `user-${number}`]]),
});

/** Milliseconds since the Unix epoch, finer than Date.now. */
export const now = (): number => performance.timeOrigin + performance.now();

function requestText({ cookies, number }: User, asked: Asked, target: Target): string {
  const { method, path, body, fresh } = asked;
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const length = body === null ? "" : `Content-Length: ${body.length}\r\n`;
  const first = `${method} ${path} HTTP/1.1\r\nHost: ${target.hostHeader}\r\n`;
  // A user whom the gateway has not seen yet is told from others by address and browser.
  const browser = `User-Agent: demo/${number}\r\n`;
  const hop = fresh ? "Connection: close\r\n" : "";
  return `${first}${browser}${hop}Cookie: ${cookie}\r\n${length}\r\n${body ?? ""}`;
}

function keepCookies({ cookies }: User, answer: Answer): void {
  for (const line of answer.cookies) {
    const [pair = ""] = line.split(";");
    const at = pair.indexOf("=");
    if (at > 0) cookies.set(pair.slice(0, at).trim(), pair.slice(at + 1).trim());
  }
}

/** What is wrong with the exchange, or null. */
function fault(asked: Asked, exchange: Exchange): Ended["failure"] {
  if (!exchange.ok) return { kind: exchange.kind, message: exchange.message };
  const { status, body, headers } = exchange.answer;
  if (status < 200 || status > 299) return { kind: "status", message: `status ${status}` };
  if (asked.body !== null) {
    return body === asked.body ? null : { kind: "body", message: `${body.length} bytes, not the ones sent` };
  }
  const release = headers.get("x-release") ?? "";
  const good = release !== "" && body.includes(`This is release ${release}.`);
  return good ? null : { kind: "body", message: `not the page of release "${release}"` };
}

function takeConnection({ idle }: User, { hostname, port }: Target): Connection {
  for (let one = idle.pop(); one !== undefined; one = idle.pop()) if (one.isUsable()) return one;
  return openConnection(hostname, port);
}

/** Resolves always, with what came of it. */
export async function send(user: User, asked: Asked, target: Target): Promise<Ended> {
  const sentAt = now();
  const connection = asked.fresh
    ? openConnection(target.hostname, target.port)
    : takeConnection(user, target);
  const exchange = await connection.exchange(requestText(user, asked, target), target.timeout);
  const took = now() - sentAt;
  const answer = exchange.ok ? exchange.answer : null;
  if (answer !== null) keepCookies(user, answer);
  if (asked.fresh) connection.close();
  else if (connection.isUsable()) user.idle.push(connection);
  return {
    user: user.number,
    method: asked.method,
    path: asked.path,
    fresh: asked.fresh,
    sentAt,
    took,
    asked: asked.wait,
    status: answer?.status ?? null,
    release: answer?.headers.get("x-release") ?? null,
    slot: answer?.headers.get("x-slot") ?? null,
    failure: fault(asked, exchange),
  };
}
