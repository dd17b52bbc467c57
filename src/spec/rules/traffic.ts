import { finding } from "../diagnostic.ts";
import type { Finding, Path } from "../diagnostic.ts";
import { get, has, isTree, listOf, section, textOf } from "../tree.ts";
import type { Tree } from "../tree.ts";
import { parseDuration } from "../../base/time.ts";
import { TRAFFIC_KINDS, type TrafficKind } from "../../model/drain.ts";
import { parseShare } from "../../model/share.ts";
import { mirrorWarnings } from "../mirror.ts";
import { stepsIn } from "../steps.ts";
import { choiceFindings, kindsIn } from "./choice.ts";
import type { Choice } from "./choice.ts";
import { hostsIn, repeated } from "./pool.ts";

/** The gateways and the rollout. */
export function trafficFindings(file: Tree): readonly Finding[] {
  return [
    ...gatewayFindings(file),
    ...ruleFindings(file),
    ...stepsIn(file).findings,
    ...unavailableFindings(file),
    ...rampFindings(file),
    ...lookFindings(file),
    ...askFindings(file),
    ...pinFindings(file),
  ];
}

interface FoundGateway {
  readonly name: string | null;
  readonly path: Path;
}

function gatewaysIn(file: Tree): readonly FoundGateway[] {
  return listOf(get(section(file, "gateway"), "hosts")).map((entry, i) => ({
    name: textOf(isTree(entry) ? get(entry, "name") : entry),
    path: ["gateway", "hosts", i],
  }));
}

function gatewayFindings(file: Tree): readonly Finding[] {
  const gateways = gatewaysIn(file);
  const names = new Set(hostsIn(file).map((host) => host.name));
  const strangers = gateways.flatMap(({ name, path }) =>
    name === null || names.has(name)
      ? []
      : [finding("conflict", path, `no host has this name: ${[...names].join(", ")}`)],
  );
  const twice = repeated(
    gateways.map(({ name, path }) => ({ key: name, path, what: `the gateway ${name ?? ""}` })),
  );
  return names.has(null) ? twice : [...strangers, ...twice];
}

const RULE: Choice = {
  kinds: { header: ["is", "in"], cookie: ["is", "in"], arg: ["is", "in"], address: [] },
};

function ruleFindings(file: Tree): readonly Finding[] {
  return listOf(get(section(file, "rollout"), "rules")).flatMap((rule, i) => {
    const path: Path = ["rollout", "rules", i];
    return isTree(rule) ? choiceFindings(rule, path, RULE).concat(valueFindings(rule, path)) : [];
  });
}

/** A value, values, or a file of them: one of these. */
function valueFindings(rule: Tree, path: Path): readonly Finding[] {
  const [kind] = kindsIn(rule, RULE);
  if (kind === undefined || kind === "address") return [];
  if (has(rule, "is") && has(rule, "in")) {
    return [finding("conflict", [...path, "in"], "excludes is, which is there too: keep one of is, in")];
  }
  if (has(rule, "is") || has(rule, "in")) return [];
  return [finding("missing", path, `is, or in with a file, is required with ${kind}`)];
}

/** Of N slots, N − 1 may be out at most. A pool of one is judged by `check`, not here. */
function unavailableFindings(file: Tree): readonly Finding[] {
  const rollout = section(file, "rollout");
  const asked = get(rollout, "maxUnavailable");
  const slots = hostsIn(file).reduce((sum, host) => sum + host.slots.length, 0);
  if (typeof asked !== "number" || slots < 2 || asked <= slots - 1) return [];
  const message = `the pool has ${slots} slots: at most ${slots - 1} may be out at once, found ${asked}`;
  return [finding("conflict", ["rollout", "maxUnavailable"], message)];
}

const ASK: Choice = { kinds: { signal: [], path: ["method"], run: [] } };

function asksIn(file: Tree): readonly { readonly path: Path; readonly ask: Tree }[] {
  const drain = get(section(file, "rollout"), "drain");
  return TRAFFIC_KINDS.flatMap((kind) => {
    const policy = isTree(drain) ? get(drain, kind) : undefined;
    const ask = isTree(policy) ? get(policy, "ask") : undefined;
    return isTree(ask) ? [{ path: ["rollout", "drain", kind, "ask"], ask }] : [];
  });
}

/** Of what runs by the user's own commands nobody knows which process it is; files are not asked anything. */
function askFindings(file: Tree): readonly Finding[] {
  const run = section(file, "run");
  const nobody = ["start", "static"].find((kind) => has(run, kind));
  const asks = asksIn(file);
  const strangers = asks.filter(({ ask }) => nobody !== undefined && has(ask, "signal"));
  const message = `goes with a process of ours or systemd's, not with run.${nobody}`;
  return [
    ...asks.flatMap(({ path, ask }) => choiceFindings(ask, path, ASK)),
    ...strangers.map(({ path }) => finding("conflict", [...path, "signal"], message)),
  ];
}

/** Nothing moves while a slot drains. */
function drainWarnings(rollout: Tree): readonly Finding[] {
  const drain = get(rollout, "drain");
  const limit = parseDuration(textOf(get(rollout, "progressDeadline")) ?? "10m");
  const times: readonly (readonly [Path, unknown])[] = isTree(drain)
    ? TRAFFIC_KINDS.map((kind) => {
        const policy = get(drain, kind);
        const path: Path = ["rollout", "drain", kind];
        return isTree(policy) ? [[...path, "deadline"], get(policy, "deadline")] : [path, policy];
      })
    : [[["rollout", "drain"], drain]];
  return times.flatMap(([path, value]) => {
    const time = parseDuration(textOf(value) ?? "");
    if (time === null || limit === null || time < limit) return [];
    const message = "is not shorter than progressDeadline: the rollout goes back before such a drain is over";
    return [finding("warning", path, { message, hint: "raise rollout.progressDeadline" })];
  });
}

/** What works, and is yet probably not meant. */
export function trafficWarnings(file: Tree): readonly Finding[] {
  const rollout = section(file, "rollout");
  const warnings: Finding[] = [];
  if (get(rollout, "split") === "servers" && has(rollout, "key")) {
    warnings.push(finding("warning", ["rollout", "key"], "has no effect with split: servers"));
  }
  if (get(rollout, "split") === "servers" && has(rollout, "rules")) {
    warnings.push(finding("warning", ["rollout", "rules"], "have no effect with split: servers"));
  }
  warnings.push(
    ...drainWarnings(rollout),
    ...mirrorWarnings(file),
    ...pinWarnings(file),
    ...grpcWarnings(file),
  );
  const first = listOf(get(rollout, "steps"))[0];
  const isBare = isTree(first) && !has(first, "mirror");
  const nobody = isBare && parseShare(textOf(get(first, "share")) ?? "") === 0;
  if (nobody && listOf(get(rollout, "rules")).length === 0) {
    const hint = "rollout.rules could send testers to it";
    warnings.push(
      finding("warning", ["rollout", "steps", 0], {
        message: "nobody reaches the release at 0% without a rule",
        hint,
      }),
    );
  }
  return warnings;
}

/** Slots speak either, though some servers take both on one port; a WebSocket is HTTP/1.1. */
function grpcWarnings(file: Tree): readonly Finding[] {
  const isGrpc = get(section(file, "gateway"), "protocol") === "grpc";
  const drain = get(section(file, "rollout"), "drain");
  const [never, protocol]: readonly [TrafficKind, string] = isGrpc
    ? ["websockets", "grpc"]
    : ["grpc", "http"];
  const message = `has no effect with gateway.protocol: ${protocol}`;
  return [
    ...(isTree(drain) && has(drain, never) ? [finding("warning", ["rollout", "drain", never], message)] : []),
    ...(isGrpc ? mutes(file) : []),
  ];
}

const MUTE = "asks by HTTP/1.1: a slot that understands nothing but gRPC";

const mutes = (file: Tree): readonly Finding[] => [
  ...(has(section(file, "health"), "http")
    ? [
        finding("warning", ["health", "http"], {
          message: `${MUTE} is never healthy`,
          hint: "write tcp: true, or exec",
        }),
      ]
    : []),
  ...asksIn(file)
    .filter(({ ask }) => has(ask, "path"))
    .map(({ path }) =>
      finding("warning", [...path, "path"], {
        message: `${MUTE} does not hear it`,
        hint: "write signal, or run",
      }),
    ),
];

/** What grows with the traffic is divided by the share, and those who stay are not where the share says. */
function pinWarnings(file: Tree): readonly Finding[] {
  if (!has(section(file, "rollout"), "pin")) return [];
  const message = "says nothing with rollout.pin: who stays with a release is not of the share";
  const hint = "ask for a rate of what it is a part of, such as failed / all, without grows";
  return listOf(get(section(file, "analysis"), "metrics")).flatMap((metric, i) =>
    isTree(metric) && get(metric, "grows") === true
      ? [finding("warning", ["analysis", "metrics", i, "grows"], { message, hint })]
      : [],
  );
}

/** Users are told apart by their requests, and have a place to keep a cookie. */
function pinFindings(file: Tree): readonly Finding[] {
  const rollout = section(file, "rollout");
  if (!has(rollout, "pin")) return [];
  const gateway = section(file, "gateway");
  const others: readonly (readonly [boolean, string])[] = [
    [get(rollout, "split") === "servers", "goes with split: users, not with split: servers"],
    [get(gateway, "passive") === true, "goes with split: users, not with gateway.passive"],
    [get(gateway, "protocol") === "grpc", "needs clients that keep cookies, which those of grpc do not"],
  ];
  const message = others.find(([isThere]) => isThere)?.[1];
  return message === undefined ? [] : [finding("conflict", ["rollout", "pin"], message)];
}

/** Traffic grows by users' buckets, which the other ways do not have. */
function rampFindings(file: Tree): readonly Finding[] {
  const rollout = section(file, "rollout");
  const ramp = parseDuration(textOf(get(rollout, "ramp")) ?? "");
  if (ramp === null) return [];
  const at: Path = ["rollout", "ramp"];
  const other =
    get(rollout, "split") === "servers"
      ? "split: servers"
      : get(section(file, "gateway"), "passive") === true
        ? "gateway.passive"
        : null;
  if (other !== null) return [finding("conflict", at, `goes with split: users, not with ${other}`)];
  const deadline = parseDuration(textOf(get(rollout, "progressDeadline")) ?? "10m");
  return deadline === null || ramp < deadline
    ? []
    : [finding("conflict", at, "is not shorter than progressDeadline, which would end the rollout")];
}

/** Nothing moves while the first slots are alone with their users. */
function lookFindings(file: Tree): readonly Finding[] {
  const look = parseDuration(textOf(get(section(file, "analysis"), "look")) ?? "");
  const limit = parseDuration(textOf(get(section(file, "rollout"), "progressDeadline")) ?? "10m");
  if (look === null || limit === null || look < limit) return [];
  const message = "is not shorter than progressDeadline: the rollout goes back before such a look is over";
  const hint = "shorten analysis.look, or raise rollout.progressDeadline";
  return [finding("conflict", ["analysis", "look"], { message, hint })];
}
