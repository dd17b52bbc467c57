import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import { chmod, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { afterEach, expect, test } from "vitest";
import { seconds } from "../../../src/base/time.ts";
import { localHost } from "../../../src/drivers/local/host.ts";
import { slotExaminer } from "../../../src/drivers/slots/examine.ts";
import { EXAMINE } from "../../../src/drivers/slots/script/examine.ts";
import { isRoot } from "../../support/skip.ts";
import type { Finding } from "../../../src/ports/examine.ts";
import { type ReleaseId } from "../../../src/model/ids.ts";
import { commandRun, place, stamp, until, type Place } from "./place.ts";

const places: Place[] = [];
afterEach(async () => {
  for (const one of places.splice(0)) await one.close();
});

const examined = ({ application }: Place): Promise<readonly Finding[]> =>
  slotExaminer({ application, hosts: localHost }).examine();

const about = (findings: readonly Finding[], subject: string): string | undefined => {
  const found = findings.find((finding) => finding.subject === subject);
  return found && `${found.severity}: ${found.found}`;
};

test("check sees who has the port, what is in the directory, and whether root can be written", async () => {
  const port = `import("node:http").then((h) => h.createServer().listen(process.env.PORT, "127.0.0.1"))`;
  const here = await place(commandRun(`"${process.execPath}" -e '${port}'`));
  places.push(here);
  const subject = `slot ${here.slot.key}`;
  const before = await examined(here);
  expect(about(before, subject)).toBe(`fine: port ${here.slot.port} is free`);
  expect(about(before, `web1: ${here.root}`)).toBe("fine: is there and can be written");
  expect(about(before, "web1: tools")).toBe("fine: all that slots need is there");

  await here.driver.switch(here.slot, "v1" as ReleaseId, stamp(1));
  await here.driver.start(here.slot, stamp(2));
  const ours = `fine: port ${here.slot.port} is the application's`;
  const machine = localHost(here.slot.host);
  const to = { port: here.slot.port };
  await until(async () => (await machine.connect(to, seconds(2))).kind === "connected");
  expect(about(await examined(here), subject)).toBe(ours);

  await rename(`${here.root}/releases/v1`, `${here.root}/v1`);
  expect(about(await examined(here), `${subject}: ${here.slot.dir}`)).toContain("releases/v1, which is gone");
  await rename(`${here.root}/v1`, `${here.root}/releases/v1`);

  await here.driver.stop(here.slot, stamp(3));
  const stranger = createServer();
  await new Promise<void>((done) => stranger.listen(here.slot.port, "127.0.0.1", done));
  const taken = about(await examined(here), subject);
  await new Promise((done) => stranger.close(done));
  expect(taken).toContain(`fault: port ${here.slot.port} is taken by process ${process.pid}: `);
});

test("check says what is adopted, and what is in the way", async () => {
  const here = await place(commandRun("true"), (root) => `${root}/www/app1`);
  places.push(here);
  await mkdir(`${here.root}/www/app1`, { recursive: true });
  await writeFile(`${here.root}/www/app1/file`, "");
  const subject = `slot ${here.slot.key}: ${here.slot.dir}`;
  expect(about(await examined(here), subject)).toContain("fine: is kept as the release adopted");
});

test.each([
  ["exit 3", undefined],
  ['test "$PORT $WORD" = "{port} it\'s" && exit 1; exit 127', undefined],
  ["./ctl status {port}", "fault: cannot be run: exit code 127"],
])("check asks the user's status command, in the slot: %s", async (status, expected) => {
  const stop = { signal: "SIGTERM", timeout: seconds(1) };
  const own = { kind: "own", env: { WORD: "it's" }, user: null, start: "true", stopCommand: "true" } as const;
  const here = await place({ ...own, status, stop });
  places.push(here);
  const subject = `slot ${here.slot.key}: run.status`;
  // Nothing is there that could be asked.
  expect(about(await examined(here), subject)).toBeUndefined();
  await mkdir(here.slot.dir, { recursive: true });
  expect(about(await examined(here), subject)).toBeUndefined();
  await here.driver.switch(here.slot, "v1" as ReleaseId, stamp(1));
  expect(about(await examined(here), subject)).toBe(expected);
});

test("check sees what somebody else made below root, who cannot be followed there", async () => {
  const here = await place(commandRun("true"));
  places.push(here);
  await here.driver.switch(here.slot, "v1" as ReleaseId, stamp(1));
  const state = `${here.root}/slots/.${here.slot.port}`;
  await writeFile(`${state}/log`, "", { mode: 0o444 });
  await chmod(here.root, 0o777);
  for (const path of ["releases", "slots", `slots/.${here.slot.port}`]) {
    await chmod(`${here.root}/${path}`, 0o555);
  }
  // Root may write anywhere.
  const other = isRoot() ? { uid: 65_533, gid: 65_533 } : {};
  const args = [here.root, "", "", String(here.slot.port), here.slot.dir, "none", here.slot.address, ""];
  const said = execFileSync("sh", ["-c", EXAMINE, "sh", ...args], { ...other, encoding: "utf8" });
  const denied = said.split("\n").filter((line) => line.startsWith("denied "));
  const all = [`${here.root}/releases`, `${here.root}/slots`, state, `${state}/log`];
  expect(denied).toEqual(all.map((path) => `denied ${path}`));
  for (const path of ["releases", "slots", `slots/.${here.slot.port}`]) {
    await chmod(`${here.root}/${path}`, 0o755);
  }
});

test("check misses what `shared` names, and finds what is there, a link that leads nowhere too", async () => {
  const here = await place(commandRun("true"));
  places.push(here);
  const shared = ["uploads", "a file", ".env"];
  await mkdir(`${here.root}/shared/uploads`, { recursive: true });
  await symlink("nowhere", `${here.root}/shared/.env`);
  const application = { ...here.application, shared };
  const findings = await slotExaminer({ application, hosts: localHost }).examine();
  const faults = findings.filter(({ severity }) => severity === "fault").map(({ subject }) => subject);
  expect(faults).toEqual([`web1: ${here.root}/shared/a file`]);
  expect(about(findings, `slot ${here.slot.key}`)).toContain(`port ${here.slot.port} is free`);
});

test("a host that cannot be asked is a fault", async () => {
  const here = await place(commandRun("true"));
  places.push(here);
  const hosts = (name: Parameters<typeof localHost>[0]): ReturnType<typeof localHost> => ({
    ...localHost(name),
    run: () => Promise.resolve({ kind: "lost", why: "connection timed out" }),
  });
  const findings = await slotExaminer({ application: here.application, hosts }).examine();
  expect(findings).toMatchObject([
    { severity: "fault", subject: "web1", found: "could not be looked at: connection timed out" },
  ]);
});
