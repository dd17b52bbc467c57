import { Agent as PlainAgent, get as getPlain } from "node:http";
import type { IncomingMessage } from "node:http";
import { Agent as SecureAgent, get as getSecure } from "node:https";
import process from "node:process";
import type { Mark } from "./cache.ts";
import { refuse } from "./refusal.ts";
import { shownUrl } from "./source.ts";

/**
 * One GET, redirects followed. Not `fetch`: that would unpack a body whose server labels every .gz as an
 * encoding, and the digest is of the bytes as published.
 */
export interface Question {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Longest silence in ms, before the answer and within it. */
  readonly stall: number;
}

export interface Answer {
  readonly status: number;
  readonly mark: Mark;
  /** Bytes of the body, as announced. */
  readonly length: number | null;
  /** Where a partial answer begins. */
  readonly rangeStart: number | null;
  /** Throws when the body is cut, or silent for too long. */
  body(): AsyncGenerator<Uint8Array>;
  discard(): void;
}

const MOST_REDIRECTS = 5;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** Nobody's proxy leads to this machine itself. */
const LOOPBACK = /^(?:localhost|127\.[\d.]+|\[::1\])$/;

const TUNNEL = "ERR_PROXY_TUNNEL";
const SILENT = "it did not open the way in time";

function send(url: URL, question: Question): Promise<IncomingMessage> {
  const isSecure = url.protocol === "https:";
  const get = isSecure ? getSecure : getPlain;
  // HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in capitals or not, as other programs read them.
  const proxied = LOOPBACK.test(url.hostname) ? {} : { proxyEnv: process.env };
  const agent = isSecure ? new SecureAgent(proxied) : new PlainAgent(proxied);
  const headers = { "accept-encoding": "identity", "user-agent": "glidepath", ...question.headers };
  return new Promise((resolve, reject) => {
    // As an option it holds for a silent proxy too.
    const given = { headers, agent, signal: question.signal, timeout: question.stall };
    const request = get(url.href, given, resolve);
    // Where a proxy leads to TLS there is no socket before it has done so; else the path tells it.
    let isOnTheWay = isSecure || request.path.startsWith("http:");
    request.on("socket", (socket) => {
      if (isSecure) isOnTheWay = false;
      else socket.once("connect", () => (isOnTheWay = false));
    });
    request.on("timeout", () => {
      request.destroy(new Error(`no byte came for ${question.stall} ms`));
    });
    request.on("error", (error) => reject(isOnTheWay ? byProxy(url, error) : error));
  });
}

/** The proxy was not reached, or did not lead on: its own words name neither whose it is nor what for. */
function byProxy(url: URL, error: NodeJS.ErrnoException & { readonly statusCode?: number }): Error {
  const scheme = url.protocol.slice(0, -1);
  const names = [`${scheme}_proxy`, `${scheme}_proxy`.toUpperCase()];
  const variable = names.find((name) => (process.env[name] ?? "") !== "");
  const named = variable === undefined ? "" : (process.env[variable] ?? "");
  if (variable === undefined) return error;
  const proxy = URL.canParse(named) ? shownUrl(new URL(named)) : named;
  const { code, statusCode, message } = error;
  // With a password in it, where it is about the tunnel.
  const why = statusCode !== undefined ? `it answered ${statusCode}` : code === TUNNEL ? SILENT : message;
  return new Error(
    `the proxy ${proxy}, which ${variable} names, does not lead to ${shownUrl(url)}: ${why || code}`,
  );
}

function nextUrl(url: URL, location: string | undefined): URL {
  const next = location !== undefined && URL.canParse(location, url.href) ? new URL(location, url) : null;
  if (next === null) throw refuse("artifact.unreachable", `${shownUrl(url)} redirects to no valid address`);
  const isKnown = next.protocol === "https:" || next.protocol === "http:";
  if (!isKnown || (url.protocol === "https:" && next.protocol === "http:")) {
    throw refuse(
      "artifact.unreachable",
      `${shownUrl(url)} redirects from ${url.protocol} to ${next.protocol}`,
      {
        hint: "this is not followed: put the final address into the file",
      },
    );
  }
  return next;
}

const lengthOf = (message: IncomingMessage): number | null => {
  const text = message.headers["content-length"];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
};

function rangeStartOf(message: IncomingMessage): number | null {
  const match = /^bytes (\d+)-/.exec(message.headers["content-range"] ?? "");
  return match === null ? null : Number(match[1]);
}

async function* bodyOf(message: IncomingMessage): AsyncGenerator<Uint8Array> {
  for await (const chunk of message) yield chunk as Uint8Array;
}

export async function ask(start: URL, question: Question): Promise<Answer> {
  let url = start;
  for (let count = 0; count <= MOST_REDIRECTS; count += 1) {
    const message = await send(url, question);
    const status = message.statusCode ?? 0;
    if (!REDIRECTS.has(status)) {
      return {
        status,
        mark: { etag: message.headers.etag ?? null, lastModified: message.headers["last-modified"] ?? null },
        length: lengthOf(message),
        rangeStart: rangeStartOf(message),
        body: () => bodyOf(message),
        discard: () => void message.destroy(),
      };
    }
    message.destroy();
    url = nextUrl(url, message.headers.location);
  }
  throw refuse("artifact.unreachable", `${shownUrl(start)} redirects more than ${MOST_REDIRECTS} times`);
}
