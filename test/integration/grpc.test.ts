// gRPC through a release: calls and streams that are waited for, and those whose time is over.
import { describe, expect, it, onTestFinished } from "vitest";
import { present } from "../../src/base/assert.ts";
import { reloadsOf, stopNginx } from "../../src/demo/nginx.ts";
import { mustExit } from "../support/exit.ts";
import { grpcFiles, openChannel, startCalls, type Call, type Channel } from "../support/grpc.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const PATIENCE = 150_000;

async function opened(drain: string, v1 = {}): Promise<{ workspace: Workspace; channel: Channel }> {
  const workspace = await openWorkspace({
    releases: {},
    edit: (sections, scene) => ({
      ...sections,
      smoke: [],
      health: { tcp: true, every: "100ms", within: "5s" },
      gateway: {
        ...(sections["gateway"] as object),
        protocol: "grpc",
        listen: [`127.0.0.1:${scene.port} http2`],
      },
      rollout: { steps: [{ share: "100%" }], drain },
    }),
  });
  onTestFinished(workspace.close);
  await workspace.addRelease("v1", v1, grpcFiles());
  await workspace.addRelease("v2", {}, grpcFiles());
  await workspace.bringUp("v1");
  const channel = openChannel(workspace.url);
  onTestFinished(channel.close);
  return { workspace, channel };
}

/** Until each has heard something, so that it is with a slot of v1. */
const underWay = (all: readonly Call[]): Promise<unknown> =>
  until(
    () => all.map((one) => one.messages().length),
    (counts) => counts.every((count) => count > 0),
  );

function chatting(channel: Channel): Call {
  const call = channel.call("Chat");
  call.say("hello");
  return call;
}

const failed = (answers: ReadonlyMap<string, number>): readonly string[] =>
  [...answers.keys()].filter((answer) => !/^ok v[12]$/.test(answer));

describe.skipIf(!hasNginx("integration: gRPC"))("gRPC", () => {
  it(
    "loses no call through a release, and streams that are waited for come to their end",
    async () => {
      const { workspace, channel } = await opened("60s");
      const reloads = reloadsOf(workspace.nginx);
      const load = startCalls(workspace.url);
      const chats = [1, 2, 3].map(() => chatting(channel));
      const brief = [1, 2, 3].map(() => channel.call("Watch", "3000"));
      await underWay([...chats, ...brief]);
      const running = workspace.glidepath("release", "v2", "--json");
      expect(await Promise.all(brief.map(({ over }) => over))).toEqual(["ok", "ok", "ok"]);
      for (const one of chats) one.say("still there");
      await until(
        () => chats.map((one) => one.messages()),
        (all) => all.every((said) => said.includes("still there")),
      );
      for (const one of chats) one.hangUp();
      const ran = await running;
      mustExit(ran, 0);
      expect(await Promise.all(chats.map(({ over }) => over))).toEqual(["ok", "ok", "ok"]);
      const { answers } = await load.stop();
      expect(failed(answers)).toEqual([]);
      expect([...answers.keys()].toSorted()).toEqual(["ok v1", "ok v2"]);
      expect(present(ran.events.at(-1), "the result")["receipt"]).toMatchObject({
        cut: 0,
        during: { failed: 0, cut: 0 },
      });
      expect(reloadsOf(workspace.nginx)).toBe(reloads);
    },
    PATIENCE,
  );

  it(
    "streams and calls that have had their time are cut, are in the receipt, and nothing else is",
    async () => {
      const { workspace, channel } = await opened("5s", { exitsAtOnce: true });
      const load = startCalls(workspace.url);
      const endless = [
        ...[1, 2, 3].map(() => chatting(channel)),
        ...[1, 2].map(() => channel.call("Watch", "120000")),
      ];
      const brief = [1, 2].map(() => channel.call("Watch", "2000"));
      await underWay([...endless, ...brief]);
      // Their messages are with the slot; no answer is.
      const unanswered = [channel.call("Ask", "120000"), channel.call("Ask", "120000")];
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      const cut = [...endless, ...unanswered];
      const ends = await Promise.all(cut.map(({ over }) => over));
      expect(ends.map((end) => end.slice(0, 21))).toEqual([
        ...endless.map(() => "HTTP 200, no trailers"),
        ...unanswered.map(() => "HTTP 502, no trailers"),
      ]);
      expect(await Promise.all(brief.map(({ over }) => over))).toEqual(["ok", "ok"]);
      expect(failed((await load.stop()).answers)).toEqual([]);
      const receipt = present(ran.events.at(-1), "the result")["receipt"];
      expect(receipt).toMatchObject({
        cut: 7,
        cutKinds: { requests: 7 },
        during: { failed: 0, cut: 0 },
      });
    },
    PATIENCE,
  );

  it(
    "calls that fail would be seen",
    async () => {
      const { workspace, channel } = await opened("5s");
      const load = startCalls(workspace.url);
      expect(await channel.call("Ask", "100").over).toBe("ok");
      await stopNginx(workspace.nginx);
      expect(failed((await load.stop()).answers)).not.toEqual([]);
    },
    PATIENCE,
  );
});
