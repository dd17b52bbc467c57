// What our idea rests upon, measured again on the nginx that is here: see docs/adr/0001.
import { mkdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { readErrorLog, reloadNginx } from "../../../src/demo/nginx.ts";
import { freePort } from "../../../src/demo/ports.ts";
import { crowd } from "../../support/crowd.ts";
import { percentile } from "../../support/load.ts";
import { temporaryNginx, type TemporaryNginx } from "../../support/nginx.ts";
import { clients, failedOf, relayTo } from "./clients.ts";
import { linked, writeConf, type Linked } from "./link.ts";

export interface Claim {
  readonly claim: string;
  readonly said: string;
  readonly measured: string;
  readonly holds: boolean;
}

const round = (value: number, digits = 1): number => Number(value.toFixed(digits));

interface Slot {
  readonly port: number;
  /** As a SIGKILL would. */
  readonly kill: () => void;
  readonly start: () => Promise<void>;
  readonly inFlight: () => number;
}

/** Answers with its own port after ten milliseconds. */
async function slot(): Promise<Slot> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let inFlight = 0;
  let server: Server | null = null;
  const start = async (): Promise<void> => {
    const fresh = createServer((incoming, answer) => {
      inFlight += 1;
      incoming.resume().on("end", () => setTimeout(() => answer.end(String(port)), 10));
      answer.on("close", () => (inFlight -= 1));
    });
    fresh.on("connection", (socket: Socket) => sockets.add(socket.on("close", () => sockets.delete(socket))));
    await new Promise<void>((resolve) => void fresh.listen(port, "127.0.0.1", resolve));
    server = fresh;
  };
  await start();
  return {
    port,
    start,
    inFlight: () => inFlight,
    kill: () => {
      server?.close();
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}

interface Stage {
  readonly temporary: TemporaryNginx;
  readonly slots: readonly [Slot, Slot];
  readonly link: Linked;
  readonly port: number;
}

/** An nginx with the link, which gives everybody both slots. */
async function withLink<Result>(work: (stage: Stage) => Promise<Result>): Promise<Result> {
  const temporary = temporaryNginx();
  const slots = [await slot(), await slot()] as const;
  const port = await freePort();
  try {
    const link = linked(temporary.nginx, slots[0].port, slots[1].port);
    writeConf(
      temporary.nginx,
      `${link.http}server { listen 127.0.0.1:${port}; location / { ${link.location} } }\n`,
    );
    link.use(link.build(0, { canary: "s0", stable: "s0" }));
    await temporary.start();
    return await work({ temporary, slots, link, port });
  } finally {
    await temporary.close();
    for (const one of slots) one.kill();
  }
}

const FAR_MS = 10;
const RELOADS = 10;

/** Reloads under clients that are 20 ms away, and how long what was before goes on serving. */
async function reloads(): Promise<readonly Claim[]> {
  const temporary = temporaryNginx();
  const port = await freePort();
  const write = (says: string): void =>
    writeConf(temporary.nginx, `server { listen 127.0.0.1:${port}; location / { return 200 "${says}"; } }\n`);
  write("0");
  await temporary.start();
  const relay = await relayTo(port, FAR_MS);
  try {
    const far = clients({ port: relay.port, count: 100, pause: 90 });
    const old: number[] = [];
    await wait(1000);
    for (let reload = 1; reload <= RELOADS; reload++) {
      write(String(reload));
      await reloadNginx(temporary.nginx);
      const at = performance.now();
      await wait(1500);
      const former = far.asked.filter(({ sentAt, body }) => sentAt > at && body === String(reload - 1));
      old.push(Math.max(0, ...former.map(({ sentAt }) => sentAt - at)));
    }
    await far.stop();
    const lost = failedOf(far.asked) / RELOADS;
    const [least, most] = [Math.min(...old), Math.max(...old)].map(Math.round);
    return [
      {
        claim:
          "requests that a reload loses; 100 keep-alive clients, 20 ms round trip, 90 ms between requests",
        said: "about 18",
        measured: String(round(lost)),
        holds: lost >= 1,
      },
      {
        claim: "how long after a reload the former config still takes requests",
        said: "100 to 800 ms",
        measured: `${least} to ${most} ms`,
        holds: (most ?? 0) >= 50,
      },
    ];
  } finally {
    relay.close();
    await temporary.close();
  }
}

const SWITCHES = 100;

/** A hundred switches between the two slots. */
const switches = (): Promise<readonly Claim[]> =>
  withLink(async ({ link, slots, port }) => {
    const going = clients({ port, count: 30, pause: 5 });
    const took: number[] = [];
    const spans: { from: number; body: string }[] = [];
    let misread = 0;
    for (let turn = 0; turn < SWITCHES; turn++) {
      const tree = link.build(turn % 2 === 0 ? 10_000 : 0);
      const wanted = readlinkSync(tree);
      const began = performance.now();
      link.use(tree);
      const from = performance.now();
      took.push(from - began);
      if (readlinkSync(join(link.directory, "cur")) !== wanted) misread += 1;
      spans.push({ from, body: String(slots[turn % 2 === 0 ? 0 : 1].port) });
      await wait(40);
    }
    await going.stop();
    const stale = going.asked.filter(({ sentAt, status, body }) => {
      const at = spans.findLastIndex(({ from }) => from <= sentAt);
      // What was sent while the next switch was made may have seen either.
      const isBetween = (spans[at + 1]?.from ?? Infinity) - sentAt < 20;
      return at >= 0 && status === 200 && !isBetween && body !== spans[at]?.body;
    }).length;
    const lost = failedOf(going.asked);
    const call = percentile(took, 0.5);
    return [
      {
        claim: `requests lost by ${SWITCHES} switches of the link under load, of ${going.asked.length}`,
        said: "0",
        measured: String(lost),
        holds: lost === 0,
      },
      {
        claim: "requests sent after the call had returned that saw the former state",
        said: "0",
        measured: String(stale),
        holds: stale === 0,
      },
      {
        claim: "readings of the link that named another state",
        said: "0",
        measured: String(misread),
        holds: misread === 0,
      },
      {
        claim: "the call, also to go back",
        said: "0.1 ms",
        measured: `${round(call, 3)} ms`,
        holds: call < 1,
      },
    ];
  });

const USERS = Array.from({ length: 6000 }, (_, user) => ({ lines: [`X-User: user-${user}`] }));
const SHARES = [525, 3300, 5000, 10_000];

const shares = (): Promise<readonly Claim[]> =>
  withLink(async ({ link, slots, port }) => {
    const seen: number[] = [];
    let before = new Set<number>();
    let back = 0;
    for (const share of SHARES) {
      link.use(link.build(share));
      const heard = await crowd({ port, visits: USERS });
      const canary = new Set(
        heard.flatMap(({ body }, user) => (body.trim() === String(slots[0].port) ? [user] : [])),
      );
      back += [...before].filter((user) => !canary.has(user)).length;
      seen.push((canary.size / USERS.length) * 100);
      before = canary;
    }
    const isNear = seen.every((part, at) => Math.abs(part - (SHARES[at] ?? 0) / 100) < 2);
    return [
      {
        claim: "of 6,000 users those who have the canary at 5.25, 33, 50 and 100 %",
        said: "5.3, 33.7, 50.9, 100 %",
        measured: `${seen.map((part) => round(part)).join(", ")} %`,
        holds: isNear,
      },
      {
        claim: "users who went back as the share grew",
        said: "0",
        measured: String(back),
        holds: back === 0,
      },
    ];
  });

/** The state is taken away: what the config itself says must serve, and the log must tell. */
const missing = (): Promise<readonly Claim[]> =>
  withLink(async ({ temporary, link, port }) => {
    const going = clients({ port, count: 10, pause: 5 });
    await wait(300);
    renameSync(join(link.directory, "cur"), join(link.directory, "away"));
    await wait(700);
    renameSync(join(link.directory, "away"), join(link.directory, "cur"));
    await going.stop();
    const lost = failedOf(going.asked);
    const lines = readErrorLog(temporary.nginx).match(/\[crit\].*realpath\(\)/g)?.length ?? 0;
    return [
      {
        claim: "without its state directory nginx asks the map's default, and says so",
        said: "0 lost, [crit]",
        measured: `${lost} lost, ${lines > 0 ? "[crit]" : "nothing said"}`,
        holds: lost === 0 && lines > 0,
      },
    ];
  });

const CYCLES = 10;

/** A share grows, then the slot that nobody has any more is killed; at 20 ms round trip, a quarter POSTs. */
const kills = (): Promise<readonly Claim[]> =>
  withLink(async ({ link, slots, port }) => {
    const relay = await relayTo(port, FAR_MS);
    const going = clients({ port: relay.port, count: 60, pause: 20 });
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      for (const share of [500, 2500, 6000, 10_000]) {
        link.use(link.build(share));
        await wait(120);
      }
      const { inFlight, kill, start } = slots[1];
      // Drained is what looks so more than once: a request may be on its way to the slot.
      for (let idle = 0; idle < 4; await wait(25)) idle = inFlight() === 0 ? idle + 1 : 0;
      kill();
      await wait(120);
      await start();
      link.use(link.build(0, { canary: "s0", stable: "s0" }));
      await wait(60);
    }
    await going.stop();
    relay.close();
    const [lost, count] = [failedOf(going.asked), going.asked.length];
    return [
      {
        claim: `lost in ${CYCLES} cycles of 5 to 100 % that end with the drained slot's kill, of ${count}`,
        said: "0",
        measured: String(lost),
        holds: lost === 0,
      },
    ];
  });

/** How long a change is not seen: of a flag by `if (-f ...)`, and of the link, with and without the cache. */
async function staleness(): Promise<readonly Claim[]> {
  const CACHE = "open_file_cache max=100 inactive=60s; open_file_cache_valid 2s;";
  const temporary = temporaryNginx();
  const { nginx } = temporary;
  const [cached, plain, link] = [await freePort(), await freePort(), await freePort()];
  const flag = join(nginx.directory, "flags", "on");
  mkdirSync(join(nginx.directory, "flags"));
  const test = `location / { if (-f ${flag}) { return 200 on; } return 200 off; }`;
  const follow = linked(nginx, 1, 2);
  const server = (port: number, inside: string): string => `server { listen 127.0.0.1:${port}; ${inside} }\n`;
  writeConf(
    nginx,
    follow.http +
      server(cached, `${CACHE} ${test}`) +
      server(plain, test) +
      server(link, `${CACHE} location / { root ${follow.directory}/cur/00/00; return 200 $link_upstream; }`),
  );
  follow.use(follow.build(0));
  await temporary.start();
  try {
    const says = async (port: number): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
    const until = async (port: number, wanted: string): Promise<number> => {
      const began = performance.now();
      while ((await says(port)) !== wanted) await wait(5);
      return performance.now() - began;
    };
    writeFileSync(flag, "");
    await Promise.all([cached, plain].map((port) => until(port, "on")));
    await until(link, "link_s1");
    rmSync(flag);
    const [withCache, without] = await Promise.all([until(cached, "off"), until(plain, "off")]);
    follow.use(follow.build(10_000));
    const linkTook = await until(link, "link_p1");
    return [
      {
        claim: "a flag of the -f form is seen late with open_file_cache, at once without",
        said: "2 s; 0",
        measured: `${round(withCache / 1000)} s; ${round(without)} ms`,
        holds: withCache > 500 && without < 200,
      },
      {
        claim: "open_file_cache does not touch the link",
        said: "0",
        measured: `${round(linkTook)} ms`,
        holds: linkTook < 200,
      },
    ];
  } finally {
    await temporary.close();
  }
}

export const CLAIMS: readonly (readonly [name: string, measure: () => Promise<readonly Claim[]>])[] = [
  ["reloads", reloads],
  ["switches", switches],
  ["shares", shares],
  ["a missing state", missing],
  ["kills", kills],
  ["staleness", staleness],
];
