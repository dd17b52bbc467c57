// Clients for the claims: they keep their connections, never try again, and may be far away.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { openConnection, type Exchange } from "../../../src/demo/load/connection.ts";

export interface Relay {
  readonly port: number;
  readonly close: () => void;
}

/** A way to the port that takes `ms` in each direction, for bytes as for the end. */
export async function relayTo(port: number, ms: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const later = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.on("data", (bytes) => setTimeout(() => to.writable && to.write(bytes), ms));
    from.on("end", () => setTimeout(() => to.end(), ms));
    from.on("error", () => setTimeout(() => to.resetAndDestroy(), ms));
    from.on("close", () => sockets.delete(from));
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    later(near, far);
    later(far, near);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

export interface Asked {
  readonly sentAt: number;
  readonly status: number;
  readonly body: string;
}

export interface Going {
  readonly asked: Asked[];
  readonly stop: () => Promise<void>;
}

const TIMEOUT_MS = 10_000;

/** So many clients, each with one connection, and a pause between its requests; every fourth sends POSTs. */
export function clients({ port, count, pause }: { port: number; count: number; pause: number }): Going {
  const asked: Asked[] = [];
  const state = { going: true };
  const client = async (user: number): Promise<void> => {
    // Spread over the pause.
    await wait((user * pause) / count);
    let connection = openConnection("127.0.0.1", port);
    while (state.going) {
      if (!connection.isUsable()) connection = openConnection("127.0.0.1", port);
      const [method, length] = user % 4 === 0 ? ["POST", "Content-Length: 2\r\n"] : ["GET", ""];
      const head = `${method} / HTTP/1.1\r\nHost: shop\r\nX-User: user-${user}\r\n${length}\r\n`;
      const sentAt = performance.now();
      const exchange: Exchange = await connection.exchange(
        method === "POST" ? `${head}{}` : head,
        TIMEOUT_MS,
      );
      const answer = exchange.ok ? exchange.answer : { status: 0, body: exchange.message };
      asked.push({ sentAt, status: answer.status, body: answer.body.trim() });
      await wait(pause);
    }
    connection.close();
  };
  const all = Array.from({ length: count }, (_, user) => client(user));
  const stop = async (): Promise<void> => {
    state.going = false;
    await Promise.all(all);
  };
  return { asked, stop };
}

export const failedOf = (asked: readonly Asked[]): number =>
  asked.filter(({ status }) => status !== 200).length;
