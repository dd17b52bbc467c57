import { formatDuration } from "../../base/time.ts";
import { createHash, randomBytes } from "node:crypto";
import { request as plainRequest, type IncomingMessage } from "node:http";
import { request as tlsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { bounded, whole, wordsOf, type Answer, type Asker, type Asking } from "./asking.ts";
import { CLOSE, closeCode, closing, frameOf, PING, PONG, readFrames, type Frame } from "./frames.ts";
import { toldBy } from "./http.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const PING_MS = 250;
const NORMAL = 1000;

/**
 * One WebSocket at a time: it pings for as long as it is held, sees each ping answered, and closes in order.
 * Any server answers pings, whatever the application does with messages.
 */
export const webSocketAsker = (): Asker => ({ ask: exchange, close: () => undefined });

interface State {
  told: string | null;
  socket: Duplex | null;
  rest: Buffer;
  /** Pings that are not answered yet. */
  owed: number;
  isClosing: boolean;
}

function exchange(asking: Asking): Promise<Answer | null> {
  return bounded(asking, (settle) => {
    const state: State = { told: null, socket: null, rest: Buffer.alloc(0), owed: 0, isClosing: false };
    const timers: NodeJS.Timeout[] = [];
    const key = randomBytes(16).toString("base64");
    const sent = (asking.place.tls ? tlsRequest : plainRequest)(optionsOf(asking, key));
    const broken = (said: string): Answer => ({
      end: state.socket === null ? "failed" : "cut",
      said,
      told: state.told,
    });
    sent.on("error", (error) => settle(broken(wordsOf(error))));
    sent.on("response", (response) => {
      response.resume();
      settle(whole(response.statusCode ?? 0, toldBy(response), false));
    });
    sent.on("upgrade", (response, socket, head) => {
      state.told = toldBy(response);
      state.socket = socket;
      if (!isAccepted(response, key)) return settle(broken("a wrong Sec-WebSocket-Accept"));
      hold(state, { socket, head, timers, settle, broken, asking });
    });
    sent.end();
    return {
      late: () => broken(`no answer within ${formatDuration(asking.timeout)}`),
      end: () => {
        for (const timer of timers) clearInterval(timer);
        state.socket?.destroy();
        sent.destroy();
      },
    };
  });
}

const optionsOf = ({ place, path, headers, serverName }: Asking, key: string): object => ({
  host: place.address,
  port: place.port,
  path,
  agent: false,
  rejectUnauthorized: false,
  ...(serverName === null ? {} : { servername: serverName }),
  headers: {
    ...headers,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": key,
  },
});

const isAccepted = ({ headers }: IncomingMessage, key: string): boolean =>
  headers["sec-websocket-accept"] === createHash("sha1").update(`${key}${GUID}`).digest("base64");

interface Holding {
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly timers: NodeJS.Timeout[];
  readonly asking: Asking;
  readonly settle: (answer: Answer) => void;
  readonly broken: (said: string) => Answer;
}

function hold(state: State, { socket, head, timers, asking, settle, broken }: Holding): void {
  const fine = (): Answer => ({ end: "answered", said: "101", told: state.told });
  const send = (opcode: number, payload: Buffer): void =>
    void (socket.writable && socket.write(frameOf(opcode, payload, randomBytes(4))));
  const ping = (): void => {
    state.owed += 1;
    send(PING, Buffer.from("glidepath"));
  };
  const take = (frame: Frame): void => {
    if (frame.opcode === PONG) state.owed = 0;
    if (frame.opcode === PING) send(PONG, frame.payload);
    if (frame.opcode !== CLOSE) return;
    const code = closeCode(frame);
    if (state.owed > 0) return settle(broken("a ping was not answered"));
    const isOrderly = state.isClosing || code === NORMAL;
    settle(isOrderly ? fine() : broken(`closed by the server${code === null ? "" : ` with ${code}`}`));
  };
  const heard = (bytes: Buffer): void => {
    const { frames, rest } = readFrames(Buffer.concat([state.rest, bytes]));
    state.rest = rest;
    for (const frame of frames) take(frame);
  };
  socket.on("data", heard);
  socket.on("error", (error) => settle(broken(wordsOf(error))));
  // After our close frame a server may just close; what it owed until then it must have answered.
  socket.on("close", () =>
    settle(state.isClosing && state.owed === 0 ? fine() : broken("connection closed")),
  );
  timers.push(setInterval(() => state.isClosing || ping(), PING_MS));
  timers.push(
    setTimeout(() => {
      state.isClosing = true;
      send(CLOSE, closing(NORMAL));
    }, asking.hold),
  );
  ping();
  if (head.length > 0) heard(head);
}
