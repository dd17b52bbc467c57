// The load generator, a process of its own: an open loop, so requests start at their time whatever the
// answers do. Prints one JSON line a second and one for each failure, the report as the last. Ends by time,
// by count, on a signal, or when its standard input closes, which is when whoever started it is gone.
import { networkInterfaces } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Asked, type Target, type User, newUser, now, send } from "./client.ts";
import { Recorder } from "./recorder.ts";
import type { LoadLine } from "./report.ts";

const TICK_MS = 5;
/** Beyond this the generator itself would be the bottleneck, and says so as failures. */
const MOST_IN_FLIGHT = 2000;

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    host: { type: "string" },
    rate: { type: "string", default: "300" },
    users: { type: "string", default: "60" },
    seconds: { type: "string", default: "600" },
    requests: { type: "string", default: "1000000" },
    post: { type: "string", default: "0.2" },
    slow: { type: "string", default: "0.02" },
    "slow-ms": { type: "string", default: "1500" },
    timeout: { type: "string", default: "15000" },
    samples: { type: "boolean", default: false },
    fresh: { type: "string", default: "0" },
    json: { type: "boolean", default: true },
  },
});

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** In a network of hosts that this machine runs for the tests: see test/lab. */
const isInLab = (hostname: string): boolean =>
  Object.entries(networkInterfaces()).some(
    ([name, addresses]) =>
      name.startsWith("gplab") &&
      addresses?.some(({ address }) => address.replace(/\d+$/, "") === hostname.replace(/\d+$/, "")),
  );

function targetOf(): Target {
  const url = new URL(values.url ?? "");
  if (!LOOPBACK.has(url.hostname) && !isInLab(url.hostname)) {
    throw new Error(`only this machine may be asked, not ${url.hostname}`);
  }
  return {
    hostname: url.hostname,
    port: Number(url.port || "80"),
    hostHeader: values.host ?? url.host,
    timeout: Number(values.timeout),
  };
}

const print = (line: LoadLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

/** The n-th request: evenly spread kinds, the same in every run. */
function requestOf(n: number): Asked {
  const every = (share: number, at = n): boolean =>
    share > 0 && Math.floor((at + 1) * share) > Math.floor(at * share);
  const wait = every(Number(values.slow)) ? Number(values["slow-ms"]) : 0;
  const query = wait > 0 ? `?ms=${wait}` : "";
  // Two further on, so that in tenths it falls on none that is a POST.
  const fresh = every(Number(values.fresh), n + 2);
  if (!every(Number(values.post))) return { method: "GET", path: `/${query}`, body: null, wait, fresh };
  const body = `order ${n} ${"x".repeat(n % 500)}`;
  return { method: "POST", path: `/orders${query}`, body, wait, fresh };
}

function overload(user: User, asked: Asked): Parameters<Recorder["add"]>[0] {
  const failure = { kind: "overload" as const, message: `${MOST_IN_FLIGHT} requests wait for an answer` };
  const { method, path, fresh, wait } = asked;
  const base = { user: user.number, method, path, fresh, sentAt: now(), took: 0 };
  return { ...base, asked: wait, status: null, release: null, slot: null, failure };
}

async function run(target: Target): Promise<void> {
  const rate = Number(values.rate);
  const most = Number(values.requests);
  const users = Array.from({ length: Number(values.users) }, (_, number) => newUser(number));
  const startedAt = now();
  const endsAt = startedAt + Number(values.seconds) * 1000;
  const recorder = new Recorder(startedAt, values.samples);
  const inFlight = new Set<Promise<unknown>>();
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  let sent = 0;
  let nextSecond = startedAt + 1000;

  const record = (ended: Parameters<Recorder["add"]>[0]): void => {
    const failure = recorder.add(ended);
    if (failure !== null) print({ kind: "failure", failure });
  };
  const start = (): void => {
    const user = users[sent % users.length];
    const asked = requestOf(sent);
    sent += 1;
    if (user === undefined) return;
    if (inFlight.size >= MOST_IN_FLIGHT) return record(overload(user, asked));
    const one = send(user, asked, target);
    inFlight.add(one);
    void one.then(record).finally(() => inFlight.delete(one));
  };
  const timer = setInterval(() => {
    const at = now();
    const due = Math.min(most, Math.floor(((at - startedAt) * rate) / 1000));
    for (let left = due - sent; left > 0; left--) start();
    if (at >= nextSecond) {
      print({ kind: "second", second: recorder.endSecond(nextSecond) });
      nextSecond += 1000;
    }
    if (at >= endsAt || sent >= most) stop();
  }, TICK_MS);

  process.on("SIGTERM", () => stop());
  process.on("SIGINT", () => stop());
  process.stdin.on("end", () => stop()).on("error", () => stop());
  process.stdin.resume();
  await stopped;
  clearInterval(timer);
  while (inFlight.size > 0) await Promise.all(inFlight);
  recorder.endSecond(now());
  print({ kind: "report", report: recorder.report(now()) });
  for (const connection of users.flatMap(({ idle }) => idle)) connection.close();
  process.stdin.destroy();
}

await run(targetOf());
