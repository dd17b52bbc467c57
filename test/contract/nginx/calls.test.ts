// What the log says of gRPC calls, so that it is known which of them came to their end.
import { readFileSync } from "node:fs";
import { connect, constants, createServer, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { localHost } from "../../../src/drivers/local/host.ts";
import { nginxGateway } from "../../../src/drivers/nginx/gateway.ts";
import type { Gateway, Slot } from "../../../src/model/application.ts";
import { slotKey } from "../../../src/model/ids.ts";
import { hasNginx } from "../../support/nginx.ts";
import { applicationOf, HOST, until, world, type World } from "./world.ts";

const TYPE = "application/grpc+proto";

type End = (stream: ServerHttp2Stream) => void;

const withTrailers =
  (status: string): End =>
  (stream) => {
    stream.respond({ ":status": 200, "content-type": TYPE }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": status }));
    stream.end("a message");
  };

const withoutMessage =
  (status: string): End =>
  (stream) =>
    stream.respond({ ":status": 200, "content-type": TYPE, "grpc-status": status }, { endStream: true });

const reset: End = (stream) => {
  stream.respond({ ":status": 200, "content-type": TYPE });
  stream.write("a mess", () => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
};

const gone: End = (stream) => stream.session?.destroy();

async function slotOf(end: End): Promise<number> {
  const server = createServer();
  server.on("session", (one) => {
    one.on("error", () => undefined);
    onTestFinished(() => one.destroy());
  });
  server.on("stream", (stream) => {
    stream.on("error", () => undefined);
    end(stream);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A gateway that tells kinds apart, before one slot. */
async function before(made: World, port: number): Promise<Gateway> {
  const slot: Slot = { ...(made.slots[0] as Slot), port, key: slotKey(HOST, port) };
  const gateway: Gateway = { ...made.gateway, listen: [`127.0.0.1:${made.listen} http2`] };
  const plain = applicationOf([slot], gateway, { ...made.application.gateway, protocol: "grpc" });
  const application = { ...plain, policy: { ...plain.policy, drainKinds: {} } };
  const driver = nginxGateway({ application, hosts: () => localHost(HOST) });
  const table = made.table(1, {});
  const routed = { ...table, routing: { ...table.routing, canary: [], stable: [slot.key] } };
  expect(await driver.prepare(gateway, routed)).toEqual({ kind: "done" });
  expect(await driver.commit(gateway, routed)).toEqual({ kind: "done" });
  return gateway;
}

it.skipIf(!hasNginx("contract: gRPC calls in the log")).each<[string, End, string]>([
  ["whose status is in the trailers", withTrailers("0"), "ended"],
  ["that failed", withTrailers("5"), "ended"],
  ["that failed without a message", withoutMessage("13"), "ended"],
  ["that the server broke off in words", withTrailers("14"), "grpc"],
  ["that the server did not take", withoutMessage("14"), "grpc"],
  ["that was reset", reset, "grpc"],
  ["whose connection broke", gone, "grpc"],
])("the log knows the end of a call %s", async (_, end, word) => {
  const made = await world({ slots: 1 });
  onTestFinished(() => made.close());
  const { log } = await before(made, await slotOf(end));
  const client = connect(`http://127.0.0.1:${made.listen}`);
  client.on("error", () => undefined);
  onTestFinished(() => client.destroy());
  const head = { ":method": "POST", ":path": "/shop.Shop/Ask", "content-type": TYPE, te: "trailers" };
  const call = client.request(head);
  call.on("error", () => undefined);
  call.resume();
  call.end("a message");
  await until(() => readFileSync(log, "utf8").includes("\n"));
  expect(readFileSync(log, "utf8").split("\t")[14]).toBe(word);
});
