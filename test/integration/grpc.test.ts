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

async function opened(drain: string | object, v1 = {}): Promise<{ workspace: Workspace; channel: Channel }> {
  const workspace = await openWorkspace({
    releases: {},
    edit: (sections, scene) => ({
      ...sections,
      smoke: [],
      run: { ...(sections["run"] as object), stop: { timeout: "6s" } },
      health: { tcp: true, every: "100ms" },
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

/** Watches again whenever a call of its ends. */
function faithful(channel: Channel): { readonly last: () => Call; readonly ends: readonly string[] } {
  const ends: string[] = [];
  const begin = (): Call => channel.call("Watch", "300000");
  let last = begin();
  let isOver = false;
  onTestFinished(() => void (isOver = true));
  void (async () => {
    for (;;) {
      const end = await last.over;
      if (isOver) return;
      ends.push(end);
      last = begin();
    }
  })();
  return { last: () => last, ends };
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

  it.each([
    {
      waited: "gRPC is, other requests are not",
      drain: { grpc: "60s", requests: "1s" },
      last: { calls: 4000, gets: 120_000 },
      cut: { requests: 4 },
      said: "4 requests",
    },
    {
      waited: "other requests are, gRPC is not",
      drain: { grpc: "2s", requests: "60s" },
      last: { calls: 120_000, gets: 5000 },
      cut: { grpc: 4 },
      said: "4 gRPC calls",
    },
    {
      // The control: the first one's times, and what does not say that it is gRPC.
      waited: "gRPC is, and nothing is gRPC",
      type: "application/grpc-web+text",
      drain: { grpc: "60s", requests: "1s" },
      last: { calls: 120_000, gets: 120_000 },
      cut: { requests: 8 },
      said: "8 requests",
    },
  ])(
    "has a time of its own, and what is over is cut and told by kind: $waited",
    async ({ drain, last, cut, said, type }) => {
      const { workspace } = await opened(drain, { exitsAtOnce: true });
      const channel = openChannel(workspace.url, type);
      onTestFinished(channel.close);
      const calls = [1, 2, 3, 4].map(() => channel.call("Watch", String(last.calls)));
      await underWay(calls);
      const gets = [1, 2, 3, 4].map(() => channel.get(last.gets));
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      const ends = {
        grpc: await Promise.all(calls.map(({ over }) => over)),
        requests: await Promise.all(gets),
      };
      const lost = Object.values(ends).map((all) => all.filter((end) => end !== "ok").length);
      const isLong = (ms: number): number => (ms === 120_000 ? 4 : 0);
      expect(lost).toEqual([isLong(last.calls), isLong(last.gets)]);
      const result = present(ran.events.at(-1), "the result");
      expect(result["receipt"]).toMatchObject({
        cut: Object.values(cut).reduce((sum, count) => sum + count, 0),
        cutKinds: cut,
        during: { failed: 0, cut: 0 },
      });
      const told = await workspace.glidepath("history", String(result["id"]));
      expect(told.stdout).toContain(`at the end of their drain were cut: ${said}`);
    },
    PATIENCE,
  );

  it(
    "calls that the application ends in order after its stop signal are not cut, those that it drops are",
    async () => {
      const { workspace, channel } = await opened({ grpc: "1s" });
      const brief = [1, 2, 3].map(() => channel.call("Watch", "4500"));
      const endless = [1, 2].map(() => chatting(channel));
      await underWay([...brief, ...endless]);
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      expect(await Promise.all(brief.map(({ over }) => over))).toEqual(["ok", "ok", "ok"]);
      const ends = await Promise.all(endless.map(({ over }) => over));
      expect(ends.map((end) => end.slice(0, 21))).toEqual(endless.map(() => "HTTP 200, no trailers"));
      expect(present(ran.events.at(-1), "the result")["receipt"]).toMatchObject({
        cut: 2,
        cutKinds: { grpc: 2 },
        during: { failed: 0, cut: 0 },
      });
    },
    PATIENCE,
  );

  it(
    "streams that the application ends when it is asked are not cut, and call again at the release",
    async () => {
      const { workspace, channel } = await opened({
        requests: "60s",
        grpc: { ask: { signal: "SIGUSR1" }, deadline: "60s" },
      });
      const clients = [1, 2, 3, 4].map(() => faithful(channel));
      await underWay(clients.map(({ last }) => last()));
      const ran = await workspace.glidepath("release", "v2", "--json");
      mustExit(ran, 0);
      await until(
        () => clients.map(({ last }) => last().messages()),
        (all) => all.every((said) => said.includes("v2")),
      );
      const ends = clients.flatMap((one) => one.ends);
      expect(new Set(ends)).toEqual(new Set(["grpc-status 14"]));
      expect(ends.length).toBeGreaterThanOrEqual(clients.length);
      const receipt = present(ran.events.at(-1), "the result")["receipt"];
      expect(receipt).toMatchObject({ cut: 0, during: { failed: 0, cut: 0 } });
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
