// Thousands of users over a few keep-alive connections, and slots that answer as fast as one can.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface QuickSlot {
  readonly port: number;
  close(): Promise<void>;
}

const END = "\r\n\r\n";

/** Answers every request without a body with its own port. */
export async function quickSlot(): Promise<QuickSlot> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let rest = "";
    const port = String((server.address() as AddressInfo).port);
    const head = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${port.length}`;
    socket.setEncoding("latin1").on("data", (data: string) => {
      const parts = (rest + data).split(END);
      rest = parts.pop() ?? "";
      if (parts.length > 0) socket.write(`${head}${END}${port}`.repeat(parts.length));
    });
    socket.on("error", () => socket.destroy()).on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return { port: (server.address() as AddressInfo).port, close };
}

export interface Visit {
  /** With its leading slash; `/` unless said. */
  readonly path?: string;
  /** Whole header lines, besides Host. */
  readonly lines: readonly string[];
}

export interface Heard {
  readonly status: number;
  readonly body: string;
  readonly head: string;
}

export interface Crowd {
  readonly port: number;
  readonly visits: readonly Visit[];
  /** Where they come from: another address of the loopback network. */
  readonly from?: string;
}

const CONNECTIONS = 8;
const PIPELINED = 32;

/** What each visit got, in their order. */
export async function crowd({ port, visits, from = "127.0.0.1" }: Crowd): Promise<readonly Heard[]> {
  const heard: Heard[] = Array.from({ length: visits.length });
  const next = { at: 0 };
  const take = (): number | null => (next.at < visits.length ? next.at++ : null);
  const parts = Array.from({ length: Math.min(CONNECTIONS, visits.length) }, () =>
    converse({ port, from, take, visits, heard }),
  );
  await Promise.all(parts);
  return heard;
}

interface Conversation {
  readonly port: number;
  readonly from: string;
  readonly take: () => number | null;
  readonly visits: readonly Visit[];
  readonly heard: Heard[];
}

/** nginx closes a connection after a thousand requests: what was not answered is asked on the next one. */
async function converse(talk: Conversation): Promise<void> {
  let left: readonly number[] = [];
  do left = await oneConnection(talk, left);
  while (left.length > 0);
}

function oneConnection(
  { port, from, take, visits, heard }: Conversation,
  again: readonly number[],
): Promise<readonly number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: from });
    const waiting: number[] = [];
    const todo = [...again];
    const more = (): void => {
      let text = "";
      while (waiting.length < PIPELINED) {
        const at = todo.shift() ?? take();
        if (at === null) break;
        waiting.push(at);
        text += requestOf(visits[at]);
      }
      if (text !== "") socket.write(text, "utf8");
      if (waiting.length === 0) socket.end();
    };
    let rest = "";
    socket.setEncoding("latin1").on("data", (data: string) => {
      rest = readAll(rest + data, (one) => (heard[waiting.shift() ?? -1] = one));
      more();
    });
    socket.on("connect", more).on("error", reject);
    socket.on("close", () => resolve([...waiting, ...todo]));
  });
}

const requestOf = (visit: Visit | undefined): string =>
  [`GET ${visit?.path ?? "/"} HTTP/1.1`, "Host: shop.example.com", ...(visit?.lines ?? []), "", ""].join(
    "\r\n",
  );

/** Every whole answer in the text; what is left begins the next. */
function readAll(text: string, tell: (one: Heard) => void): string {
  let from = 0;
  for (;;) {
    const end = text.indexOf(END, from);
    if (end === -1) return text.slice(from);
    const head = text.slice(from, end);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? "0");
    const after = end + END.length + length;
    if (after > text.length) return text.slice(from);
    tell({ status: Number(head.slice(9, 12)), head, body: text.slice(end + END.length, after) });
    from = after;
  }
}
