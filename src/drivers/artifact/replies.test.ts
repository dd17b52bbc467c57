import { expect, test } from "vitest";
import type { HostName, ReleaseId } from "../../model/ids.ts";
import { nestedShared } from "./on-host.ts";
import { outcomeOf } from "./replies.ts";
import { EXITS } from "./scripts.ts";

const CONTEXT = { host: "web1" as HostName, release: "v1" as ReleaseId };

test.each([
  { exit: "rights", code: "host.rights" },
  { exit: "disk", code: "host.disk" },
  { exit: "sharedMissing", code: "host.command" },
  { exit: "sharedBlocked", code: "host.command" },
  { exit: "changed", code: "artifact.changed" },
  { exit: "foreign", code: "artifact.changed" },
  { exit: "transfer", code: "host.command" },
  { exit: "unpack", code: "host.command" },
  { exit: "busy", code: "host.timeout" },
] as const)("a script that ends with $exit did nothing, for $code", ({ exit, code }) => {
  const reply = { kind: "exited", code: EXITS[exit], stdout: "", stderr: "df: /srv\n" } as const;
  expect(outcomeOf(reply, CONTEXT)).toMatchObject({ kind: "refused", error: { code } });
});

test("a lost connection leaves it open what happened", () => {
  expect(outcomeOf({ kind: "lost", why: "reset" }, CONTEXT).kind).toBe("unknown");
});

test("an exit code that no script of ours has is shown with all its words", () => {
  const reply = { kind: "exited", code: 127, stdout: "", stderr: "sh: flock: not found\n" } as const;
  expect(outcomeOf(reply, CONTEXT)).toMatchObject({
    kind: "refused",
    error: { code: "host.command", details: "sh: flock: not found" },
  });
});

test.each([
  { shared: ["uploads", ".env"], found: false },
  { shared: ["up", "uploads"], found: false },
  { shared: ["uploads/a", "uploads"], found: true },
])("of the shared entries $shared one is inside another: $found", ({ shared, found }) => {
  expect(nestedShared(shared) !== null).toBe(found);
});
