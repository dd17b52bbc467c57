// Reads one HTTP/1.1 answer from pieces of text, one byte a character. Only what nginx sends: no trailers.

export interface Answer {
  readonly status: number;
  /** Names in lower case; the last one counts. */
  readonly headers: ReadonlyMap<string, string>;
  readonly cookies: readonly string[];
  readonly body: string;
  /** The connection may be used again. */
  readonly keepAlive: boolean;
}

type Framing =
  | { readonly by: "length"; readonly length: number }
  | { readonly by: "chunks" }
  | { readonly by: "close" };

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly cookies: readonly string[];
  readonly framing: Framing;
  readonly keepAlive: boolean;
}

const BLANK_LINE = "\r\n\r\n";

function framingOf(status: number, headers: ReadonlyMap<string, string>): Framing {
  if (status === 204 || status === 304) return { by: "length", length: 0 };
  if (headers.get("transfer-encoding")?.toLowerCase() === "chunked") return { by: "chunks" };
  const length = headers.get("content-length");
  return length === undefined ? { by: "close" } : { by: "length", length: Number(length) };
}

function readHead(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? "0");
  if (status === 0) throw new Error(`no HTTP answer: ${JSON.stringify(first.slice(0, 80))}`);
  const headers = new Map<string, string>();
  const cookies: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "set-cookie") cookies.push(value);
    else headers.set(name, value);
  }
  const framing = framingOf(status, headers);
  const keepAlive = framing.by !== "close" && headers.get("connection")?.toLowerCase() !== "close";
  return { status, headers, cookies, framing, keepAlive };
}

/** The body of whole chunks, or null when the last one is not there yet. */
function readChunks(text: string): string | null {
  let body = "";
  let at = 0;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (!(size >= 0)) throw new Error(`no chunk size: ${JSON.stringify(text.slice(at, lineEnd))}`);
    const next = lineEnd + 2 + size + 2;
    if (next > text.length) return null;
    if (size === 0) return body;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = next;
  }
}

function bodyOf(framing: Framing, text: string, closed: boolean): string | null {
  switch (framing.by) {
    case "length":
      return text.length >= framing.length ? text.slice(0, framing.length) : null;
    case "chunks":
      return readChunks(text);
    case "close":
      return closed ? text : null;
    default:
      return framing satisfies never;
  }
}

export class AnswerReader {
  #text = "";
  #head: Head | null = null;

  get hasBegun(): boolean {
    return this.#head !== null || this.#text !== "";
  }

  /** The answer when it is whole. Throws when what comes is no HTTP. */
  push(piece: string): Answer | null {
    this.#text += piece;
    if (this.#head === null) {
      const end = this.#text.indexOf(BLANK_LINE);
      if (end < 0) return null;
      this.#head = readHead(this.#text.slice(0, end));
      this.#text = this.#text.slice(end + BLANK_LINE.length);
    }
    return this.#whole(this.#head, false);
  }

  /** The connection was closed: what has no other end is whole now. */
  close(): Answer | null {
    return this.#head === null ? null : this.#whole(this.#head, true);
  }

  #whole({ status, headers, cookies, framing, keepAlive }: Head, closed: boolean): Answer | null {
    const body = bodyOf(framing, this.#text, closed);
    return body === null ? null : { status, headers, cookies, body, keepAlive };
  }
}
