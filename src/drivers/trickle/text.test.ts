import { describe, expect, it } from "vitest";
import type { Application, Gateway } from "../../model/application.ts";
import { closeCode, closing, CLOSE, frameOf, PING, readFrames } from "./frames.ts";
import { authorityOf, http2PlaceOf, placeOf } from "./place.ts";
import { slotIn } from "./trickle.ts";

const gateway = (...listen: readonly string[]): Gateway => ({ name: "web1", listen }) as unknown as Gateway;

const slot = (port: number) => ({ key: `web1:${port}`, host: "web1", port, address: "127.0.0.1" });
const application = {
  hosts: [{ name: "web1", slots: [slot(8001), slot(8002)] }],
} as unknown as Application;

describe("where a gateway is reached from here", () => {
  it.each([
    ["every address", ["80"], "10.0.0.11", "10.0.0.11:80"],
    ["one of its own", ["10.0.0.99:8080"], "10.0.0.11", "10.0.0.99:8080"],
    ["of IPv6", ["[2001:db8::1]:80"], "10.0.0.11", "[2001:db8::1]:80"],
    ["all of them written out", ["0.0.0.0:80"], "10.0.0.11", "10.0.0.11:80"],
    ["loopback by its name, here", ["127.0.0.1:8080"], "localhost", "127.0.0.1:8080"],
    ["loopback, here", ["127.0.0.1:8080"], "127.0.0.1", "127.0.0.1:8080"],
    ["the first that is not its loopback, elsewhere", ["127.0.0.1:8080", "81"], "10.0.0.11", "10.0.0.11:81"],
  ])("%s", (_, listen, reach, expected) => {
    const place = placeOf(gateway(...listen), reach);
    expect(typeof place === "string" ? place : authorityOf(place)).toBe(expected);
  });
  it("nowhere: its loopback is not ours", () => {
    expect(placeOf(gateway("127.0.0.1:80"), "10.0.0.11")).toBe(
      "web1 listens on 127.0.0.1:80 only, which is not reached from here",
    );
  });
  it("over HTTP/2 only where it listens so", () => {
    expect(http2PlaceOf(gateway("80"), "10.0.0.11")).toBeNull();
    expect(http2PlaceOf(gateway("80", "443 ssl http2"), "10.0.0.11")).toEqual({
      address: "10.0.0.11",
      port: 443,
      tls: true,
      http2: true,
    });
  });
});

describe("who answered, as nginx tells it", () => {
  it.each([
    ["one slot", "127.0.0.1:8001", "web1:8001"],
    ["the last of those that were tried", "127.0.0.1:8001, 127.0.0.1:8002", "web1:8002"],
    ["nobody: the group as a whole failed", "127.0.0.1:8001, glidepath_shop_p1", null],
    ["a stranger", "127.0.0.1:9999", null],
  ])("%s", (_, told, slot) => {
    expect(slotIn(application, told)).toBe(slot);
  });
});

describe("frames of a WebSocket", () => {
  const server = (opcode: number, payload: Buffer): Buffer =>
    Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);

  it("are read however they come in pieces", () => {
    const bytes = Buffer.concat([server(PING, Buffer.from("abc")), server(CLOSE, closing(1001))]);
    let rest: Buffer = Buffer.alloc(0);
    const seen: (number | null)[] = [];
    for (const byte of bytes) {
      const read = readFrames(Buffer.concat([rest, Buffer.from([byte])]));
      rest = Buffer.from(read.rest);
      for (const frame of read.frames)
        seen.push(frame.opcode === CLOSE ? closeCode(frame) : frame.payload.length);
    }
    expect(seen).toEqual([3, 1001]);
    expect(rest.length).toBe(0);
  });
  it("of a client are masked", () => {
    const mask = Buffer.from([1, 2, 3, 4]);
    expect([...frameOf(PING, Buffer.from([0, 0, 0, 0, 9]), mask)]).toEqual([
      0x89, 0x85, 1, 2, 3, 4, 1, 2, 3, 4, 8,
    ]);
  });
  it("longer than 125 bytes wait until all of it is there", () => {
    const head = Buffer.from([0x82, 126, 1, 0]);
    expect(readFrames(Buffer.concat([head, Buffer.alloc(255)])).frames).toEqual([]);
    expect(readFrames(Buffer.concat([head, Buffer.alloc(256)])).frames).toHaveLength(1);
  });
});
