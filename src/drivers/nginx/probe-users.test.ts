import { describe, expect, it } from "vitest";
import type { Application, GatewaySettings } from "../../model/application.ts";
import { bucketOfUser } from "./bucket.ts";
import { probeUsers } from "./probe-users.ts";

const application = (gateway: Partial<GatewaySettings>): Application =>
  ({ name: "shop", gateway: { split: "users", key: { by: "auto" }, ...gateway } }) as unknown as Application;

/** Shares, in basis points, of a rollout that widens; each must have somebody who is new to the canary. */
const SHARES = [100, 500, 2500, 5000, 10_000];
const newIn = (buckets: readonly number[]): readonly boolean[] =>
  SHARES.map((share, i) => buckets.some((bucket) => bucket < share && bucket >= (SHARES[i - 1] ?? 0)));

describe("the users of the probe", () => {
  it("with the gateway's own cookie name their bucket", () => {
    const cookies = probeUsers(application({})).map(({ headers }) => headers["Cookie"] ?? "");
    expect(cookies.every((text) => /^glidepath_shop=\d{4}$/.test(text))).toBe(true);
    expect(newIn(cookies.map((text) => Number(text.split("=")[1])))).toEqual(SHARES.map(() => true));
  });

  it.each([
    ["a cookie", { by: "cookie", name: "uid" } as const, /^uid=(.*)$/],
    ["a header", { by: "header", name: "X-User" } as const, /^(.*)$/],
    ["an argument", { by: "arg", name: "user" } as const, /^user=(.*)$/],
  ])("by %s have names whose buckets are spread", (_, key, pattern) => {
    const said = probeUsers(application({ key })).map(
      ({ headers, argument }) => argument ?? headers["Cookie"] ?? headers["X-User"] ?? "",
    );
    const names = said.map((text) => pattern.exec(text)?.[1] ?? "");
    expect(new Set(names).size).toBe(names.length);
    expect(newIn(names.map((name) => bucketOfUser("shop", name)))).toEqual(SHARES.map(() => true));
  });

  it.each([
    ["users are told by their address", { key: { by: "address" } as const }],
    ["servers are split", { split: "servers" as const }],
  ])("are but one where %s", (_, gateway) => {
    expect(probeUsers(application(gateway))).toEqual([{ headers: {}, argument: null }]);
  });
});
