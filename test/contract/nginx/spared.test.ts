// What the user's http level demands of clients is not for the servers that only we ask: copies of requests
// reach the canary, and a drain is measured.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { nginxBinary, startNginx } from "../../../src/demo/nginx.ts";
import { seconds } from "../../../src/base/time.ts";
import type { SlotKey } from "../../../src/model/ids.ts";
import { basisPoints } from "../../../src/model/share.ts";
import { controlAddress } from "../../../src/drivers/nginx/names.ts";
import { needs } from "../../support/skip.ts";
import { until } from "../../support/until.ts";
import { ask, world, type World } from "./world.ts";

const MIRRORS = { share: basisPoints(0), bake: seconds(60), approve: false, mirror: basisPoints(1000) };
const ALL = { share: basisPoints(10_000), bake: seconds(0), approve: false };

/** Users come from addresses of their own; whatever nginx asks itself is from 127.0.0.1. */
const users = Array.from({ length: 6 }, (_, i) => `127.0.0.${i + 10}`);
const BY_ADDRESS = "$binary_remote_addr zone=theirs:1m";
/** Of ann, with the password `pass`. */
const ANN = { authorization: `Basic ${Buffer.from("ann:pass").toString("base64")}` };

async function opened(http: string): Promise<World> {
  const w = await world({ http, policy: { steps: [MIRRORS, ALL] }, start: false });
  onTestFinished(() => w.close());
  writeFileSync(join(w.nginx.confd, "users"), "ann:{PLAIN}pass\n");
  await startNginx(w.nginx);
  const table = w.table(1, { canary: 1, stable: 1, share: 0, mirror: 10_000 });
  expect(await w.port.prepare(w.gateway, table)).toEqual({ kind: "done" });
  expect(await w.port.commit(w.gateway, table)).toEqual({ kind: "done" });
  return w;
}

/** Asked of a slot before each request. */
const AUTH = "/auth";
const asked = (seen: readonly string[] = []): readonly string[] =>
  seen.filter((one) => !one.endsWith(AUTH)).toSorted();
const { stderr: build } = spawnSync(nginxBinary() ?? "nginx", ["-V"], { encoding: "utf8" });
const hasAuthRequest = needs(
  build.includes("http_auth_request"),
  "contract: copies beside auth_request",
  "this nginx is without the module",
);

const LIMITS: readonly (readonly [string, string])[] = [
  ["nothing: the control", ""],
  ["limit_req", `limit_req_zone ${BY_ADDRESS} rate=1r/m; limit_req zone=theirs;`],
  ["limit_conn", `limit_conn_zone ${BY_ADDRESS}; limit_conn theirs 1;`],
  ["limit_conn_dry_run", "limit_conn_dry_run on;"],
  [
    "limit_req and satisfy all",
    `satisfy all; limit_req_zone ${BY_ADDRESS} rate=1r/m; limit_req zone=theirs;`,
  ],
  ["allow and deny", `${users.map((user) => `allow ${user};`).join(" ")} deny all;`],
  ["auth_basic", "auth_basic shop; auth_basic_user_file conf.d/users;"],
  ["auth_basic or an address", "satisfy any; deny all; auth_basic shop; auth_basic_user_file conf.d/users;"],
  ...(hasAuthRequest ? ([["auth_request", `auth_request ${AUTH};`]] as const) : []),
];

test.each(LIMITS)("copies are as many as there are users beside %s", async (_, http) => {
  const w = await opened(http);
  const [canary, stable] = w.backends;
  for (const from of users) {
    const answer = await ask({ port: w.listen, path: `/${from}`, from, headers: ANN });
    expect(answer).toMatchObject({ status: 200, body: String(stable?.port) });
  }
  await until(
    () => asked(canary?.seen),
    (seen) => seen.length === users.length,
  );
  expect(asked(canary?.seen)).toEqual(asked(stable?.seen));
});

/** What the control server says of the group that answers: the second slot, and the first behind it. */
async function busy({ application, gateway }: World): Promise<number> {
  const { address, port } = controlAddress(application.name, gateway.config);
  return (await fetch(`http://${address}:${port}/busy/s1b1`)).status;
}

test.each(LIMITS)("a request in flight is seen, and that it is gone, beside %s", async (_, http) => {
  const w = await opened(http);
  const slot = w.slots[1]?.key as SlotKey;
  const look = async (): Promise<number | undefined> => {
    const seen = await w.port.observe(w.gateway, w.slots);
    return seen.known ? seen.value.inFlight[slot]?.requests : undefined;
  };
  // An answer that flows is not seen in the connection.
  const [from] = users;
  const held = ask({ port: w.listen, path: "/stream", headers: ANN, ...(from && { from }) });
  await until(
    () => w.backends[1]?.held.length,
    (length) => length === 1,
  );
  const next = w.table(2, { canary: 1, stable: 2, share: 10_000 });
  expect(await w.port.prepare(w.gateway, next)).toEqual({ kind: "done" });
  expect(await w.port.commit(w.gateway, next)).toEqual({ kind: "done" });
  for (let i = 0; i < 5; i += 1) expect([await busy(w), await look()]).toEqual([409, 1]);
  w.backends[1]?.held[0]?.end("last\n");
  expect((await held).status).toBe(200);
  await until(
    () => busy(w),
    (status) => status === 204,
  );
  await until(look, (requests) => requests === 0);
});
