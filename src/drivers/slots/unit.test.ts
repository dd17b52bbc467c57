import { expect, test } from "vitest";
import { millis, seconds } from "../../base/time.ts";
import type { Application, RunSpec, Slot } from "../../model/application.ts";
import { dropIn, environmentLine, generatedUnit, supervisorUnit, unitNameOf } from "./unit.ts";

const slot = { key: "web1:8001", host: "web1", port: 8001, dir: "/www/app1" } as unknown as Slot;
const STOP = { signal: "SIGTERM", timeout: seconds(30) };
const COMMON = { env: {}, user: null };

const place = (run: RunSpec, port = 8001) => ({
  slot: { ...slot, port },
  application: {
    name: "shop",
    run,
    hosts: [{ name: "web1", root: "/srv/shop" }],
  } as unknown as Application,
});
const lines = (text: string, pattern: RegExp): readonly string[] =>
  text.split("\n").filter((line) => pattern.test(line));

const GENERATED = { kind: "generated", command: "node server.js", stop: STOP, ...COMMON } as const;
const UNIT = { kind: "unit", unit: "shop@{port}.service", stop: null, ...COMMON } as const;

test("each way to run has its unit", () => {
  const names = [GENERATED, { ...GENERATED, kind: "command" } as const, UNIT].map((run) =>
    unitNameOf(place(run).application, slot),
  );
  expect(names).toEqual(["glidepath-shop-8001.service", "glidepath-shop-8001.service", "shop@8001.service"]);
  const files = { kind: "static", reload: null, ...COMMON } as const;
  expect(unitNameOf(place(files).application, slot)).toBe("");
});

const COMMANDS = [
  ["node server.js", String.raw`ExecStart=/bin/sh -c "exec node server.js"`],
  ["./run {port}", 'ExecStart=/bin/sh -c "exec ./run \\"$${GLIDEPATH_PORT}\\""'],
  [`echo "%h" $HOME '\\'`, String.raw`ExecStart=/bin/sh -c "exec echo \"%%h\" $$HOME '\\'"`],
  ["true\n[Service]\tUser=root", String.raw`ExecStart=/bin/sh -c "true\x0a[Service]\x09User=root"`],
  ["x \uffff", String.raw`ExecStart=/bin/sh -c "exec x \xef\xbf\xbf"`],
] as const;

test.each(COMMANDS)("%j is one argument of a shell", (command, line) => {
  const { text } = generatedUnit(place(GENERATED), { ...GENERATED, command });
  expect(lines(text, /^ExecStart=/)).toEqual([line]);
  expect(lines(text, /^\[/)).toEqual(["[Unit]", "[Service]", "[Install]"]);
});

test("a generated unit has a user of its own, and the right to a low port only where it needs it", () => {
  const of = (run: Partial<typeof GENERATED>, port?: number): readonly string[] =>
    lines(generatedUnit(place(GENERATED, port), { ...GENERATED, ...run }).text, /User=|Capab/);
  expect(of({})).toEqual(["DynamicUser=yes", "CapabilityBoundingSet="]);
  expect(of({ user: "shop" as never }, 801)).toEqual([
    "User=shop",
    "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
  ]);
});

test("a unit of the user's own keeps its way to stop unless the file says another", () => {
  expect(lines(dropIn(place(UNIT), null).text, /Kill|Timeout/)).toEqual([]);
  const stop = { signal: "SIGINT", timeout: millis(500) };
  expect(dropIn(place(UNIT), stop)).toEqual({
    path: "shop@8001.service.d/50-glidepath.conf",
    text: [
      "# Written by Glidepath, and written anew at the slot's next start.",
      "[Unit]",
      'RequiresMountsFor="/srv/shop" "/www/app1"',
      "",
      "[Service]",
      'ExecCondition=+/bin/grep -qx up "/srv/shop/slots/.8001/intent"',
      "WorkingDirectory=/www/app1",
      "EnvironmentFile=/srv/shop/slots/.8001/environment",
      "KillSignal=SIGINT",
      "TimeoutStopSec=500ms",
    ].join("\n"),
  });
});

test("the supervisor's unit ends with the supervisor", () => {
  const run = { ...GENERATED, kind: "command", stop: { ...STOP, signal: "SIGWINCH" } } as const;
  const { text } = supervisorUnit(place(run), run);
  expect(lines(text, /Exec|Kill/)).toEqual([
    'ExecStart=/bin/sh "/srv/shop/slots/.8001/launch"',
    "KillSignal=SIGTERM",
  ]);
});

const PAIRS = [
  ["A=b", 'A="b"'],
  ["A=", 'A=""'],
  ['A=b="c" # `d` $e \\', String.raw`A="b=\"c\" # \`d\` \$e \\"`],
] as const;

test.each(PAIRS)("the variable %j is written as %s", (pair, line) => {
  expect(environmentLine(pair)).toBe(line);
});
