// Visitors with a cookie jar, through a gray release by the real command: whoever has a page of a release
// gets all else from it too while a slot of it serves.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { get as plainGet, type IncomingMessage } from "node:http";
import { get as secureGet } from "node:https";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { bucketOfUser } from "../../src/drivers/nginx/bucket.ts";
import { hasOpenssl } from "../support/certificate.ts";
import { pinLabel } from "../../src/drivers/nginx/pins.ts";
import type { AppName, ReleaseId } from "../../src/model/ids.ts";
import { approvalAt } from "../support/command.ts";
import { mustExit } from "../support/exit.ts";
import { openGates } from "../support/gates.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { needs } from "../support/skip.ts";
import { until } from "../support/until.ts";
import { openWorkspace, UNHURRIED, type Workspace } from "../support/workspace.ts";

const PATIENCE = 180_000;
const USERS = Array.from({ length: 40 }, (_, i) => `visitor-${i}`);
const isBetween = (user: string): boolean => {
  const bucket = bucketOfUser("shop", user);
  return bucket >= 1000 && bucket < 6000;
};

interface Visitor {
  readonly user: string;
  pin: { readonly value: string; readonly until: number } | null;
}
const newcomer = (user: string): Visitor => ({ user, pin: null });

const get = (url: string, headers: Record<string, string>): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const told = (answer: IncomingMessage): void => void answer.resume().on("end", () => resolve(answer));
    const isSecure = url.startsWith("https:");
    const outgoing = isSecure
      ? secureGet(url, { headers, rejectUnauthorized: false }, told)
      : plainGet(url, { headers }, told);
    outgoing.on("error", reject);
  });

/** Asks as a browser does: what the jar has is sent, and forgotten when its time is over. */
async function ask(url: string, visitor: Visitor, path: string): Promise<string> {
  const isKept = visitor.pin !== null && Date.now() < visitor.pin.until;
  const kept = isKept ? `; ${visitor.pin?.value}` : "";
  const { statusCode, headers } = await get(`${url}${path}`, { cookie: `uid=${visitor.user}${kept}` });
  for (const line of headers["set-cookie"] ?? []) {
    const [, value = "", age = ""] = /^(glidepin_shop=[0-9a-f]{8});.* Max-Age=(\d+)/.exec(line) ?? [];
    if (value !== "") visitor.pin = { value, until: Date.now() + Number(age) * 1000 };
  }
  return statusCode === 200 ? String(headers["x-release"]) : `${statusCode}`;
}

const pages = (url: string, visitors: readonly Visitor[]): Promise<readonly string[]> =>
  Promise.all(visitors.map((visitor) => ask(url, visitor, "page")));

/** Visitors of whose ten further answers one was of another release than their page. */
async function mixed(url: string, visitors: readonly Visitor[], had: readonly string[]) {
  const all = await Promise.all(
    visitors.map(async (visitor, i) => {
      const got = new Set<string>();
      for (let n = 0; n < 10; n += 1) got.add(await ask(url, visitor, `part-${n}`));
      return [...got].some((release) => release !== had[i]) ? [visitor.user] : [];
    }),
  );
  return all.flat();
}

async function opened(pin: string | null): Promise<Workspace> {
  const workspace = await openWorkspace({
    edit: (sections) => ({
      ...sections,
      rollout: {
        key: "cookie:uid",
        ...(pin === null ? {} : { pin }),
        rules: [{ header: "X-Tester", is: "yes", to: "canary" }],
        steps: [{ share: "10%", approve: true }, { share: "60%", approve: true }, { share: "100%" }],
      },
      analysis: { minRequests: 20, warmup: "0s", early: false, ...UNHURRIED },
    }),
  });
  onTestFinished(workspace.close);
  await workspace.bringUp("v1");
  return workspace;
}

describe.skipIf(!hasNginx("integration: visitors stay with a release"))("a gray release with pin", () => {
  it.each([["30m"], [null]])(
    "mixes no releases while both serve: pin is %s, the control is without",
    async (pin) => {
      const w = await opened(pin);
      const load = await w.load({ rate: 40 });
      const visitors = USERS.map(newcomer);
      const running = w.start(["release", "v2", "--json"]);
      await running.says(approvalAt(1000));
      const had = await pages(w.url, visitors);
      mustExit(await w.glidepath("promote"), 0);
      await running.says(approvalAt(6000));
      const wanted = pin === null ? USERS.filter(isBetween) : [];
      expect(await mixed(w.url, visitors, had)).toEqual(wanted);
      expect(USERS.filter(isBetween).length).toBeGreaterThan(5);
      mustExit(await w.glidepath("promote"), 0);
      mustExit(await running.done, 0);
      expect(new Set(await pages(w.url, visitors))).toEqual(new Set(["v2"]));
      expect(failuresOf(await load.stop())).toEqual([]);
    },
    PATIENCE,
  );

  it(
    "is explained as nginx does it, ends when the visitor is idle, and never outlasts an abort",
    async () => {
      const w = await opened("2s");
      const between = USERS.filter(isBetween);
      const visitors = between.map(newcomer);
      const running = w.start(["release", "v2", "--json"]);
      await running.says(approvalAt(1000));
      expect(new Set(await pages(w.url, visitors))).toEqual(new Set(["v1"]));
      const pin = visitors[0]?.pin?.value ?? "";
      mustExit(await w.glidepath("promote"), 0);
      await running.says(approvalAt(6000));
      const asked = ["explain", "--cookie", `uid=${between[0]}`, "--json"];
      const told = await w.glidepath(...asked, "--cookie", pin);
      expect(told.events[0]).toMatchObject({ release: "v1", role: "stable", by: { pin: "v1" } });
      expect((await w.glidepath(...asked)).events[0]).toMatchObject({ release: "v2", role: "canary" });
      const send = async (...cookies: readonly string[]) => {
        const Cookie = [`uid=${between[0]}`, ...cookies].join("; ");
        const answer = await fetch(w.url, { headers: { Cookie } });
        return answer.headers.get("x-release");
      };
      expect(await send(pin)).toBe("v1");
      // Made up: of no release, too long, with the name of a group and of a directory in it.
      for (const forged of ["00000000", `${pin.split("=")[1]}0`, "/as/s1@=00000000 s1", "../../groups/s1"]) {
        expect(await send(`glidepin_shop=${forged}`)).toBe("v2");
      }
      const tester = await fetch(w.url, { headers: { Cookie: `uid=1; ${pin}`, "X-Tester": "yes" } });
      expect(tester.headers.get("x-release")).toBe("v2");
      while (visitors.some((one) => one.pin !== null && Date.now() < one.pin.until)) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(new Set(await pages(w.url, visitors))).toEqual(new Set(["v2"]));
      const canaryPin = visitors[0]?.pin?.value ?? "";
      expect(canaryPin).not.toBe(pin);
      mustExit(await w.glidepath("abort"), 0);
      await running.says(/"phase":"aborting"[^\n]*"share":0,/);
      mustExit(await running.done, 1);
      expect(await send(canaryPin)).toBe("v1");
      expect(new Set(await pages(w.url, visitors))).toEqual(new Set(["v1"]));
    },
    PATIENCE,
  );
});

describe.skipIf(!hasNginx("integration: visitors stay in a smooth release"))(
  "a smooth release with pin",
  () => {
    it(
      "leaves visitors where they are while old and new slots stand side by side, and takes them back",
      async () => {
        const w = await openWorkspace({
          edit: (sections, { directory }) => ({
            ...sections,
            rollout: { key: "cookie:uid", pin: "30m" },
            analysis: { minRequests: 20, warmup: "0s", ...UNHURRIED },
            hooks: { afterSlot: `while test -e '${join(directory, "hold")}'; do sleep 0.1; done` },
          }),
        });
        onTestFinished(w.close);
        const hold = join(w.directory, "hold");
        await w.bringUp("v1");
        const visitors = USERS.map(newcomer);
        const had = await pages(w.url, visitors);
        writeFileSync(hold, "");
        const running = w.start(["release", "v2", "--json"]);
        await running.says(/"share":5000,/);
        const both = new Set<string>();
        const later = USERS.map(newcomer);
        await until(
          async () => both.add((await pages(w.url, later)).join()),
          (all) => [...all].some((one) => one.includes("v2")),
        );
        expect(await mixed(w.url, visitors, had)).toEqual([]);
        const now = await pages(w.url, later);
        expect(new Set(now)).toEqual(new Set(["v1", "v2"]));
        expect(await mixed(w.url, later, now)).toEqual([]);
        mustExit(await w.glidepath("abort"), 0);
        rmSync(hold);
        mustExit(await running.done, 1);
        expect(new Set(await pages(w.url, later))).toEqual(new Set(["v1"]));
      },
      PATIENCE,
    );
  },
);

const isSecure = needs(hasOpenssl(), "integration: visitors stay over TLS", "there is no openssl here");

describe.skipIf(!hasNginx("integration: visitors stay over TLS") || !isSecure)(
  "pin and mirror over TLS",
  () => {
    it(
      "through two gateways: copies are made on each, show themselves to nobody, and pins count on both",
      async () => {
        const steps = [{ mirror: "50%", approve: true }, { share: "60%", approve: true }, { share: "100%" }];
        const w = await openGates({
          hosts: 2,
          slots: 1,
          gateways: 2,
          secure: true,
          rollout: { key: "cookie:uid", pin: "30m", steps, drain: "10s" },
          sections: { analysis: { minRequests: 20, warmup: "0s", early: false, ...UNHURRIED } },
        });
        onTestFinished(w.close);
        await w.bringUp("v1");
        const [one = "", other = ""] = w.gates.map((port) => `https://127.0.0.1:${port}/`);
        const visitors = USERS.map(newcomer);
        const running = w.start(["release", "v2", "--json"]);
        await running.says(/"phase":"approval"[^\n]*"mirror":5000/);
        for (const url of [one, other]) {
          expect(new Set(await pages(url, visitors))).toEqual(new Set(["v1"]));
        }
        // Whoever works out what the cookie would be reaches the release no sooner than the share does.
        const guessed = `uid=1; glidepin_shop=${pinLabel("shop" as AppName, "v2" as ReleaseId)}`;
        expect((await get(one, { cookie: guessed })).headers["x-release"]).toBe("v1");
        const copied = (): readonly number[] =>
          w.nginxes.map(({ directory }) => {
            const log = readFileSync(join(directory, "logs", "shop.log"), "utf8");
            return log.split("\n").filter((line) => line.split("\t")[4] === "copy").length;
          });
        await until(
          async () => copied(),
          (counts) => counts.every((count) => count > 0),
        );
        mustExit(await w.glidepath("promote"), 0);
        await running.says(approvalAt(6000));
        const had = USERS.map(() => "v1");
        expect(await mixed(one, visitors, had)).toEqual([]);
        expect(await mixed(other, visitors, had)).toEqual([]);
        const later = USERS.map(newcomer);
        const now = await pages(one, later);
        expect(new Set(now)).toEqual(new Set(["v1", "v2"]));
        expect(await mixed(other, later, now)).toEqual([]);
        mustExit(await w.glidepath("promote"), 0);
        const ran = await running.done;
        mustExit(ran, 0);
        expect(ran.events.at(-1)).toMatchObject({ outcome: "completed", failed: 0 });
        expect(new Set(await pages(other, visitors))).toEqual(new Set(["v2"]));
      },
      PATIENCE,
    );
  },
);
