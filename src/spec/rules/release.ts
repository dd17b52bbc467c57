import { finding } from "../diagnostic.ts";
import type { Finding, Path } from "../diagnostic.ts";
import { isInside, normalPath } from "../paths.ts";
import { get, has, isTree, listOf, section, textOf } from "../tree.ts";
import type { Tree } from "../tree.ts";
import { choiceFindings } from "./choice.ts";
import { hostsIn } from "./pool.ts";
import type { Choice } from "./choice.ts";
import { parseDuration } from "../../base/time.ts";

/** How a release is run and checked: run, health, smoke, shared. */
export function releaseFindings(file: Tree): readonly Finding[] {
  return [
    ...runFindings(file),
    ...healthFindings(file),
    ...checkFindings(file, "warm", WARM),
    ...checkFindings(file, "smoke", SMOKE),
    ...sharedFindings(file),
  ];
}

const RUN: Choice = {
  kinds: {
    command: ["unit", "stop", "user"],
    systemd: ["stop"],
    start: ["status", "stop", "user"],
    static: ["reload", "user"],
  },
  needs: { start: ["stop", "status"] },
};

function runFindings(file: Tree): readonly Finding[] {
  const run = get(file, "run");
  if (!isTree(run)) return [];
  return [...choiceFindings(run, ["run"], RUN), ...stopFindings(run), ...unitFindings(file, run)];
}

function stopFindings(run: Tree): readonly Finding[] {
  const stop = get(run, "stop");
  const at: Path = ["run", "stop"];
  if (has(run, "start") && isTree(stop) && !has(stop, "command")) {
    return [finding("missing", at, "with start, stop is a command, or has one: {command, timeout}")];
  }
  const kind = ["command", "systemd"].find((key) => has(run, key));
  if (kind === undefined || has(run, "start")) return [];
  if (typeof stop === "string") {
    return [finding("conflict", at, `a command goes with start; with ${kind}, stop is {signal, timeout}`)];
  }
  return isTree(stop) && has(stop, "command")
    ? [finding("conflict", [...at, "command"], `goes with start, not with ${kind}`)]
    : [];
}

/** One unit runs one slot. */
function unitFindings(file: Tree, run: Tree): readonly Finding[] {
  const unit = textOf(get(run, "systemd"));
  if (unit === null || unit.includes("{port}")) return [];
  if (!hostsIn(file).some(({ slots }) => slots.length > 1)) return [];
  const message = `${unit} is one unit, and there are hosts with more slots than one`;
  const hint = "put {port} into its name, such as shop@{port}.service";
  return [finding("conflict", ["run", "systemd"], { message, hint })];
}

const HEALTH: Choice = {
  kinds: { http: ["status", "contains", "host"], tcp: [], exec: [] },
  optional: true,
};

function healthFindings(file: Tree): readonly Finding[] {
  const health = section(file, "health");
  const found = choiceFindings(health, ["health"], HEALTH);
  const every = parseDuration(textOf(get(health, "every")) ?? "500ms");
  const within = parseDuration(textOf(get(health, "within")) ?? "60s");
  if (every === null || within === null || every <= within) return found;
  const at = has(health, "every") ? "every" : "within";
  return [
    ...found,
    finding("conflict", ["health", at], "every is longer than within: no answer could come in time"),
  ];
}

const SMOKE: Choice = { kinds: { http: ["status", "contains"], run: [] } };
const WARM: Choice = { kinds: { http: ["times"], run: [] } };

function checkFindings(file: Tree, key: "warm" | "smoke", choice: Choice): readonly Finding[] {
  return listOf(get(file, key)).flatMap((check, i) =>
    isTree(check) ? choiceFindings(check, [key, i], choice) : [],
  );
}

function sharedFindings(file: Tree): readonly Finding[] {
  const paths = listOf(get(file, "shared")).map((path) => normalPath(textOf(path) ?? "/"));
  return paths.flatMap((path, i) => {
    const outer = paths.findIndex((other, j) => other !== "/" && j !== i && isInside(path, other));
    if (outer === -1 || (paths[outer] === path && outer > i)) return [];
    const what =
      paths[outer] === path ? "is there already" : `lies in shared[${outer}], which is linked as a whole`;
    return [finding("conflict", ["shared", i], what)];
  });
}
