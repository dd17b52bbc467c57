import { createServer, type AddressInfo, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { openConnection, type Exchange } from "./connection.ts";

/** What a client sees of a server that says this and is gone. */
async function after(says: string, end: (socket: Socket) => void): Promise<Exchange> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write(says, () => end(socket)));
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const connection = openConnection("127.0.0.1", (server.address() as AddressInfo).port);
  return connection.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 10_000);
}

const HALF = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf";

describe("a connection that breaks", () => {
  it.each<readonly [string, string, (socket: Socket) => void, string]>([
    ["before the answer", "", (socket) => socket.destroy(), "reset"],
    ["within the head", "HTTP/1.1 200", (socket) => socket.end(), "cut"],
    ["within the body", HALF, (socket) => socket.end(), "cut"],
  ])("%s", async (_, says, end, kind) => {
    expect(await after(says, end)).toMatchObject({ ok: false, kind });
  });
});
