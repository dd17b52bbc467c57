// What goes wrong on the way to a host: the reply is lost, says why, and the next one arrives.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { millis, minutes, seconds } from "../../../src/base/time.ts";
import type { HostName } from "../../../src/model/ids.ts";
import type { HostPort, HostReply } from "../../../src/ports/host.ts";
import { sshTo } from "../../support/ssh-host.ts";
import {
  canSsh,
  kill,
  serving,
  mostSessions,
  startTarget,
  type FleetOptions,
  type Target,
} from "../../support/sshd.ts";
import { until } from "../../support/until.ts";

interface Scene {
  readonly target: Target;
  readonly host: HostPort;
  /** Another process on the controller, so to say. */
  readonly another: () => HostPort;
}

async function scene(options: FleetOptions = {}): Promise<Scene> {
  const target = await startTarget(options);
  onTestFinished(target.close);
  const another = (): HostPort => sshTo(target, "far" as HostName);
  return { target, host: another(), another };
}

const hello = (host: HostPort): Promise<HostReply> =>
  host.run({ script: "echo hello", timeout: seconds(30) });
const HELLO = { kind: "exited", code: 0, stdout: "hello\n", stderr: "" };
const lost = (why: RegExp) => ({ kind: "lost", why: expect.stringMatching(why) as string });

const times = (text: string, what: RegExp): number => text.match(new RegExp(what, "g"))?.length ?? 0;
const connections = ({ target }: Scene): number => times(target.log(), /Accepted publickey/);

/** Of a line for each beginning and each end. */
function mostAtOnce(tally: string): number {
  let now = 0;
  const counts = tally
    .trim()
    .split("\n")
    .map((line) => (now += line === "begins" ? 1 : -1));
  return Math.max(...counts);
}

/** A long command that is seen to run. */
async function running({ target, host }: Scene): Promise<{ readonly reply: Promise<HostReply> }> {
  const before = times(target.log(), /Starting session/);
  const reply = host.run({ script: "sleep 60", timeout: minutes(5) });
  await until(
    () => times(target.log(), /Starting session/),
    (count) => count > before,
  );
  return { reply };
}

/** ssh's own process that holds the connection. */
function masterOf({ target }: Scene): number {
  const all = execFileSync("ps", ["-eo", "pid=,args="], { encoding: "utf8" }).split("\n");
  const directory = dirname(target.config);
  const found = all.find((line) => line.includes("[mux]") && line.includes(directory));
  return Number.parseInt(found ?? "0", 10);
}

describe.skipIf(!canSsh("faults of SSH"))("a host over SSH", () => {
  test("a connection that breaks in the middle of a command is lost; the next one arrives", async () => {
    const here = await scene();
    expect(await hello(here.host)).toEqual(HELLO);
    const { reply } = await running(here);
    for (const pid of serving(here.target.pid())) kill(pid);
    expect(await reply).toMatchObject(lost(/^the connection broke off/));
    expect(await hello(here.host)).toEqual(HELLO);
    expect(connections(here)).toBe(2);
  });

  test("a refused connection is lost, at once, and for as long as it lasts", async () => {
    const here = await scene();
    await here.target.stop();
    expect(await hello(here.host)).toMatchObject(lost(/^connection refused/));
    expect(await here.host.get({ to: { port: 1 }, path: "/", timeout: seconds(20) })).toMatchObject(
      lost(/^connection refused/),
    );
    expect(await here.host.connect({ port: 1 }, seconds(20))).toMatchObject(lost(/^connection refused/));
    await here.target.start();
    await until(
      () => hello(here.host),
      ({ kind }) => kind === "exited",
    );
  });

  test("a host that hangs is lost at the deadline, and nothing is said of what runs there", async () => {
    const here = await scene({ client: ["ServerAliveInterval 300"] });
    expect(await hello(here.host)).toEqual(HELLO);
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    onTestFinished(() => void server.close());
    const to = { port: (server.address() as AddressInfo).port };
    const hung = serving(here.target.pid());
    for (const pid of hung) kill(pid, "SIGSTOP");
    const reply = here.host.run({ script: "echo hello", timeout: millis(800) });
    expect(await reply).toMatchObject(lost(/^not finished within 800ms$/));
    expect(await here.host.connect(to, millis(500))).toMatchObject(lost(/^not finished within/));
    expect(await here.host.get({ to, path: "/", timeout: millis(500) })).toMatchObject(
      lost(/^not finished within/),
    );
    for (const pid of hung) kill(pid, "SIGCONT");
    expect(await hello(here.host)).toEqual(HELLO);
    expect(await here.host.connect(to, seconds(20))).toEqual({ kind: "connected" });
    expect(connections(here)).toBe(1);
  });

  test("a dead link is noticed under a long command, and replaced", async () => {
    const here = await scene({ client: ["ServerAliveInterval 2", "ServerAliveCountMax 2"] });
    expect(await hello(here.host)).toEqual(HELLO);
    const { reply } = await running(here);
    const hung = serving(here.target.pid());
    for (const pid of hung) kill(pid, "SIGSTOP");
    expect(await reply).toMatchObject(lost(/^the connection broke off/));
    expect(await hello(here.host)).toEqual(HELLO);
    for (const pid of hung) kill(pid, "SIGCONT");
  });

  test.each([
    {
      title: "an unknown host key",
      client: ["UserKnownHostsFile /dev/null"],
      server: [],
      why: /^its host key is not known here \(ssh: Host key verification failed\.\)$/,
    },
    {
      title: "a key that nobody is let in with",
      client: [],
      server: ["AuthorizedKeysFile /dev/null"],
      why: /^it lets nobody in with the keys that are offered \(ssh: .*Permission denied \(publickey\)\.\)$/,
    },
    {
      title: "a shell that runs nothing of ours",
      client: [],
      server: ["ForceCommand echo welcome"],
      why: /^its login shell runs no commands$/,
    },
    {
      title: "an ssh_config with a mistake",
      client: ["Nonsense yes"],
      server: [],
      why: /^ssh does not take an ssh_config here \(ssh: .*\)$/,
    },
    {
      title: "a name that nobody knows",
      client: ["HostName no-such-host.invalid"],
      server: [],
      why: /^its name is not known/,
    },
  ])("$title is lost, with ssh's words", async ({ client, server, why }) => {
    const { host } = await scene({ client, server });
    expect(await hello(host)).toMatchObject(lost(why));
  });

  test("a host key that is another one than before is named as that", async () => {
    const here = await scene();
    const directory = dirname(here.target.config);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, "new")]);
    const key = readFileSync(join(directory, "new.pub"), "utf8");
    writeFileSync(join(directory, "known"), `[127.0.0.1]:${here.target.port} ${key}`);
    expect(await hello(here.host)).toMatchObject(lost(/^its host key is not the one that is known/));
  });

  test("an ssh.config that is not there is named", async () => {
    const { target } = await scene();
    const config = `${target.config}.gone`;
    const host = sshTo({ config, address: target.address }, "far" as HostName);
    expect(await hello(host)).toMatchObject(lost(/ENOENT.*ssh_config\.gone/));
  });

  test("a connection serves the next process too, and one whose process was killed is replaced", async () => {
    const here = await scene();
    expect(await hello(here.host)).toEqual(HELLO);
    expect(await hello(here.another())).toEqual(HELLO);
    expect(connections(here)).toBe(1);
    kill(masterOf(here));
    expect(await hello(here.another())).toEqual(HELLO);
    expect(connections(here)).toBe(2);
    expect(await hello(here.host)).toEqual(HELLO);
    expect(connections(here)).toBe(2);
  });

  test("a connection whose process hangs is left to itself", async () => {
    const here = await scene();
    expect(await hello(here.host)).toEqual(HELLO);
    const master = masterOf(here);
    onTestFinished(() => kill(master));
    kill(master, "SIGSTOP");
    expect(await hello(here.another())).toEqual(HELLO);
    expect(connections(here)).toBe(2);
  });

  test("what does not fit into the sessions that sshd allows waits and is not lost", async () => {
    const here = await scene({ server: ["MaxSessions 2"] });
    const replies = Array.from({ length: 6 }, () => hello(here.host));
    expect(await Promise.all(replies)).toEqual(replies.map(() => HELLO));
    expect(connections(here)).toBe(1);
  });

  test("twenty commands at once are eight at a time, over one connection", async () => {
    const here = await scene({ server: ["LogLevel DEBUG1"] });
    // Each waits until eight have begun, and is then there long enough for a ninth to be seen.
    const script = `echo begins >>"$1"
      until [ "$(grep -c begins "$1")" -ge 8 ]; do sleep 0.02; done
      sleep 0.3; echo ends >>"$1"; echo hello`;
    const tally = join(dirname(here.target.config), "tally");
    const command = { script, args: [tally], timeout: seconds(60) };
    const replies = Array.from({ length: 20 }, () => here.host.run(command));
    expect(await Promise.all(replies)).toEqual(replies.map(() => HELLO));
    expect(connections(here)).toBe(1);
    expect(mostAtOnce(readFileSync(tally, "utf8"))).toBe(8);
    expect(mostSessions(here.target.log())).toBeGreaterThanOrEqual(8);
    expect(here.target.log()).not.toMatch(/no more sessions/);
  });

  test("control: one session more than sshd allows is seen in its log", async () => {
    const here = await scene({ server: ["MaxSessions 2"] });
    const go = join(dirname(here.target.config), "go");
    const command = {
      script: 'until [ -e "$1" ]; do sleep 0.02; done',
      args: [go],
      timeout: seconds(60),
    };
    const replies = Array.from({ length: 4 }, () => here.host.run(command));
    await until(
      () => times(here.target.log(), /no more sessions/),
      (refused) => refused > 0,
    );
    writeFileSync(go, "");
    expect((await Promise.all(replies)).map(({ kind }) => kind)).toEqual(replies.map(() => "exited"));
  });

  test("where sshd opens no TCP connections, nothing is said of the application", async () => {
    const here = await scene({ server: ["AllowTcpForwarding no"] });
    const words = lost(/^sshd there opens no TCP connections \(AllowTcpForwarding\)$/);
    expect(await here.host.connect({ port: 1 }, seconds(20))).toMatchObject(words);
    expect(await here.host.get({ to: { port: 1 }, path: "/", timeout: seconds(20) })).toMatchObject(words);
  });

  test("what the login says before the script is left out", async () => {
    const shell = 'echo welcome; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"';
    const here = await scene({ server: [`ForceCommand ${shell}`] });
    expect(await hello(here.host)).toEqual(HELLO);
  });
});
