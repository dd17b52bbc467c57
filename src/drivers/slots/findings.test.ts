import { expect, test } from "vitest";
import type { Application, Host } from "../../model/application.ts";
import { findingsOf } from "./findings.ts";

const host = {
  name: "web1",
  root: "/srv/shop",
  slots: [{ key: "web1:801", host: "web1", port: 801, dir: "/www/app1", address: "127.0.0.1" }],
} as unknown as Host;

const FINE = [
  "me 0 root",
  "root there",
  "free 9000000",
  "lowest 1024",
  "port 801 free",
  "dir 801 holds v1",
  "",
].join("\n");

const told = (output: string, run: object | string | null = "root"): readonly string[] => {
  const user = typeof run === "object" ? null : run;
  const application = { run: { kind: "command", user, ...Object(run) } } as unknown as Application;
  return findingsOf(application, host, output)
    .filter(({ severity }) => severity !== "fine")
    .map(({ severity, subject, found }) => `${severity} ${subject}: ${found}`);
};

const CASES = [
  {
    name: "root as the user",
    change: ["", ""],
    user: null,
    told: ["warning web1: user: the application runs as root"],
  },
  {
    name: "a missing tool",
    change: ["root there", "missing flock\nmissing tar\nroot there"],
    user: "root",
    told: ["fault web1: tools: missing: flock, tar", "warning web1: user: the application runs as root"],
  },
  {
    name: "a root that cannot be made",
    change: ["me 0 root\nroot there", "me 1000 ann\nroot denied /srv"],
    user: null,
    told: [
      "fault web1: /srv/shop: /srv cannot be written by ann",
      "warning slot web1:801: port 801 is open to root only, the application runs as ann",
    ],
  },
  {
    name: "what another user made there, as root did at the first release",
    change: ["me 0 root\nroot there", "me 1000 ann\nroot there\ndenied /srv/shop/slots/.801"],
    user: null,
    told: [
      "fault web1: /srv/shop/slots/.801: cannot be written by ann",
      "warning slot web1:801: port 801 is open to root only, the application runs as ann",
    ],
  },
  {
    name: "a release that was removed below a slot",
    change: ["holds v1", "dangles v1"],
    user: "root",
    told: [
      "warning web1: user: the application runs as root",
      "fault slot web1:801: /www/app1: " +
        "leads to /srv/shop/releases/v1, which is gone: nothing can go back to it",
    ],
  },
  {
    name: "a status command that is not there",
    change: ["holds v1", "holds v1\nstatus 801 127"],
    user: "root",
    told: [
      "warning web1: user: the application runs as root",
      "fault slot web1:801: run.status: cannot be run: exit code 127",
    ],
  },
  {
    name: "a shared file that nobody made",
    change: ["root there", "root there\nunshared .env"],
    user: "root",
    told: [
      "fault web1: /srv/shop/shared/.env: is named by `shared` in the file and is not there",
      "warning web1: user: the application runs as root",
    ],
  },
  {
    name: "little room",
    change: ["free 9000000", "free 102400"],
    user: "shop",
    told: [
      "warning web1: disk: 100 MiB free",
      "warning slot web1:801: port 801 is open to root only, the application runs as shop",
    ],
  },
  {
    name: "a disk that tells of no room, as it has no blocks of its own",
    change: ["free 9000000", "free "],
    user: "shop",
    told: ["warning slot web1:801: port 801 is open to root only, the application runs as shop"],
  },
  {
    name: "another user than Glidepath can be",
    change: ["me 0 root", "me 1000 ann"],
    user: "root",
    told: ["fault web1: user: Glidepath is ann and cannot run anything as root"],
  },
  {
    name: "a stranger at the port",
    change: ["port 801 free", "port 801 taken process 7: httpd -D X"],
    user: "root",
    told: [
      "warning web1: user: the application runs as root",
      "fault slot web1:801: port 801 is taken by process 7: httpd -D X",
    ],
  },
  {
    name: "a file in the slot's place",
    change: ["dir 801 holds v1", "dir 801 occupied"],
    user: "root",
    told: [
      "warning web1: user: the application runs as root",
      "fault slot web1:801: /www/app1: is neither a directory nor a link",
    ],
  },
] as const;

test.each(CASES)("check tells of $name", (row) => {
  expect(told(FINE.replace(row.change[0], row.change[1]), row.user)).toEqual(row.told);
});

test("what is adopted is said beforehand", () => {
  const application = { run: { kind: "command", user: "root" } } as unknown as Application;
  const findings = findingsOf(application, host, FINE.replace("holds v1", "holds adopted"));
  expect(findings.at(-1)).toEqual({
    severity: "fine",
    subject: "slot web1:801: /www/app1",
    found: "is kept as the release adopted (/srv/shop/releases/adopted@801) at the first release",
    todo: null,
  });
});

const UNIT = { kind: "unit", unit: "shop@{port}.service" };
const GENERATED = { kind: "generated" };
const SYSTEMD = `${FINE}systemd systemd 252\n`;

const UNITS = [
  { name: "all is well", run: UNIT, output: `${SYSTEMD}unit 801 loaded\ninstance 801\n`, told: [] },
  { name: "a generated unit", run: GENERATED, output: SYSTEMD, told: [] },
  {
    name: "no systemd",
    run: UNIT,
    output: FINE,
    told: ["fault web1: systemd: is not there"],
  },
  {
    name: "not root",
    run: GENERATED,
    output: SYSTEMD.replace("me 0 root", "me 1000 ann"),
    told: ["fault web1: systemd: only root may tell it what to do, Glidepath is ann"],
  },
  {
    name: "a supervisor that nothing starts at boot",
    run: "ann",
    output: SYSTEMD.replace("me 0 root", "me 1000 ann"),
    told: [
      "warning web1: systemd: slots are not started at boot: only root may tell it what to do, " +
        "Glidepath is ann",
      "warning slot web1:801: port 801 is open to root only, the application runs as ann",
    ],
  },
  {
    name: "no such unit",
    run: UNIT,
    output: `${SYSTEMD}unit 801 not-found\nas-root 801\n`,
    told: ["fault slot web1:801: shop@801.service: there is no such unit"],
  },
  {
    name: "a masked unit",
    run: UNIT,
    output: `${SYSTEMD}unit 801 masked\n`,
    told: ["fault slot web1:801: shop@801.service: systemd says of it: masked"],
  },
  {
    name: "a template that is the same for every slot, run by root",
    run: UNIT,
    output: `${SYSTEMD}unit 801 loaded\nas-root 801\n`,
    told: [
      "warning slot web1:801: shop@801.service: does not say for which slot it is: there is no %i in it",
      "warning slot web1:801: shop@801.service: the application runs as root",
    ],
  },
] as const;

test.each(UNITS)("of systemd: $name", ({ run, output, told: expected }) => {
  expect(told(output, run)).toEqual(expected);
});

test("another port is no way out while a rollout is under way, which the file has to fit", () => {
  const application = { run: { kind: "command", user: "root" } } as unknown as Application;
  const found = findingsOf(application, host, FINE.replace("port 801 free", "port 801 taken process 7: x"));
  const todo = found.find(({ severity }) => severity === "fault")?.todo;
  expect(todo).toContain("or, once no rollout is under way, give the slot another port");
});

test("what was adopted and is gone is named by the place that it had", () => {
  expect(told(FINE.replace("dir 801 holds v1", "dir 801 dangles adopted"))).toContainEqual(
    expect.stringContaining("leads to /srv/shop/releases/adopted@801, which is gone"),
  );
});
