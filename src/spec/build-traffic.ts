import type { Gateway, GatewaySettings, Host, Policy, Rule, Step, UserKey } from "../model/application.ts";
import { millis, type Duration } from "../base/time.ts";
import { TRAFFIC_KINDS, type Ask, type Drain, type DrainAsk } from "../model/drain.ts";
import { unavailableOf } from "../model/capacity.ts";
import { EVERYTHING } from "../model/share.ts";
import { finding } from "./diagnostic.ts";
import type { Finding, Path } from "./diagnostic.ts";
import { ABSOLUTE_PATH } from "./grammar.ts";
import { listFileOf, type Lists } from "./lists.ts";
import { resolvePath } from "./paths.ts";
import type { FileValue } from "./schema.ts";
import type { ResolvedStep } from "./steps.ts";

type Entry = Exclude<NonNullable<FileValue["gateway"]["hosts"]>[number], string>;

/** One gateway an entry, or one a host; what an entry does not say, it has from all. */
export function gateways(file: FileValue, hosts: readonly Host[], directory: string): readonly Gateway[] {
  const entries = file.gateway.hosts ?? hosts.map((host) => host.name);
  return entries.map((entry) =>
    gatewayOf(typeof entry === "string" ? { name: entry } : entry, { file, hosts, directory }),
  );
}

interface Context {
  readonly file: FileValue;
  readonly hosts: readonly Host[];
  readonly directory: string;
}

function gatewayOf(own: Entry, { file, hosts, directory }: Context): Gateway {
  const host = hosts.find(({ name }) => name === own.name) ?? hosts[0];
  const path = (key: "config" | "main" | "state" | "log", otherwise: string): string =>
    resolvePath(directory, own[key] ?? file.gateway[key] ?? otherwise);
  const nginx = own.nginx ?? file.gateway.nginx ?? "nginx";
  const gateway: Gateway = {
    name: own.name as Gateway["name"],
    address: host?.address ?? "local",
    config: path("config", `/etc/nginx/conf.d/${file.app}.conf`),
    main: path("main", "/etc/nginx/nginx.conf"),
    nginx: nginx.includes("/") ? resolvePath(directory, nginx) : nginx,
    listen: (own.listen ?? file.gateway.listen ?? [80]).map(String),
    state: path("state", "/var/lib/glidepath"),
    log: path("log", `/var/log/nginx/glidepath-${file.app}.log`),
  };
  return { ...gateway, ...secured(own, file.gateway, directory) };
}

/** What comes with TLS. */
function secured(
  own: Entry,
  all: FileValue["gateway"],
  directory: string,
): Pick<Gateway, "tls" | "redirect" | "http3"> {
  const { tls = all.tls, redirect = all.redirect, http3 = all.http3 } = own;
  const absolute = (path: string): string => resolvePath(directory, path);
  return {
    ...(tls && { tls: { certificate: absolute(tls.certificate), key: absolute(tls.key) } }),
    ...(redirect && {
      redirect: {
        listen: redirect.listen.map(String),
        acme: redirect.acme === undefined ? null : absolute(redirect.acme),
      },
    }),
    ...(http3 && { http3 }),
  };
}

const OWN = ["config", "log"] as const;
const PATHS = ["config", "main", "nginx", "state", "log"] as const;

/** What is known only once the paths are absolute: they are safe text, and no two gateways write the same. */
export function gatewayFindings(all: readonly Gateway[], file: FileValue): readonly Finding[] {
  return all.flatMap((gateway, i) => {
    const entry = file.gateway.hosts?.[i];
    const at = (key: string): Path =>
      typeof entry === "object" && key in entry ? ["gateway", "hosts", i, key] : ["gateway", key];
    const unsafe: Finding[] = PATHS.filter((key) => gateway[key].includes("/") && !isSafe(gateway[key])).map(
      (key) => unsafePath(at(key)),
    );
    const { tls, redirect } = gateway;
    if (tls !== undefined && !(isSafe(tls.certificate) && isSafe(tls.key)))
      unsafe.push(unsafePath(at("tls")));
    if (redirect?.acme && !isSafe(redirect.acme)) unsafe.push(unsafePath(at("redirect")));
    unsafe.push(...secureFaults(gateway, file, at));
    if (isServed(file) && hasSsl(gateway) !== (tls !== undefined)) unsafe.push(tlsFault(gateway, at));
    if (isServed(file) && file.gateway.protocol === "grpc" && !says(gateway, "http2"))
      unsafe.push(grpcFault(at("listen")));
    const rival = all.slice(0, i).find((other) => sharesFile(gateway, other));
    return rival === undefined
      ? unsafe
      : [...unsafe, sharedFile(gateway, rival, entry === undefined ? ["hosts", i] : ["gateway", "hosts", i])];
  });
}

const isServed = ({ gateway }: FileValue): boolean => gateway.mode === "server" && !gateway.passive;
const says = ({ listen }: Gateway, word: "ssl" | "http2"): boolean =>
  listen.some((one) => one.split(" ").includes(word));
const hasSsl = (gateway: Gateway): boolean => says(gateway, "ssl");

const grpcFault = (path: Path): Finding =>
  finding("conflict", path, {
    message: "has no entry with http2, which clients of gateway.protocol: grpc need",
    hint: 'write listen: ["443 ssl http2"], or ["8080 http2"] without TLS',
  });

const tlsFault = (gateway: Gateway, at: (key: string) => Path): Finding =>
  hasSsl(gateway)
    ? finding("conflict", at("listen"), {
        message: "has ssl, for which gateway.tls is required",
        hint: "write tls: {certificate: PATH, key: PATH}",
      })
    : finding("conflict", at("tls"), {
        message: "has no effect: no entry of gateway.listen has ssl",
        hint: 'write listen: [80, "443 ssl http2"]',
      });

/** What makes sense where Glidepath writes a server{} with TLS, and nowhere else. */
function secureFaults(gateway: Gateway, file: FileValue, at: (key: string) => Path): readonly Finding[] {
  const { redirect, http3, listen } = gateway;
  const keys = [...(redirect ? ["redirect"] : []), ...(http3 ? ["http3"] : [])];
  const twice = redirect?.listen.find((one) => listen.some((other) => other.split(" ")[0] === one));
  const message = !isServed(file)
    ? "goes with gateway.mode: server, in which Glidepath writes the server block"
    : hasSsl(gateway)
      ? null
      : "has no effect: no entry of gateway.listen has ssl";
  if (message !== null) return keys.map((key) => finding("conflict", at(key), message));
  return twice === undefined
    ? []
    : [finding("conflict", at("redirect"), `${twice} is in gateway.listen too: keep it in one of them`)];
}

const isSafe = (path: string): boolean =>
  ABSOLUTE_PATH.pattern.test(path) && ABSOLUTE_PATH.refuse?.(path) === null;

const unsafePath = (path: Path): Finding =>
  finding("value", path, {
    message:
      "is relative to a directory whose name has other characters than letters, digits and . _ - + @ =",
    hint: "write an absolute path",
  });

const sharesFile = (a: Gateway, b: Gateway): boolean =>
  a.address === b.address && OWN.some((key) => a[key] === b[key]);

function sharedFile(gateway: Gateway, rival: Gateway, path: Path): Finding {
  const message = `the gateways ${rival.name} and ${gateway.name} on one machine write the same files`;
  return finding("conflict", path, { message, hint: "name one of them, or give it its own config and log" });
}

export function gatewaySettings({ gateway, rollout }: FileValue, lists: Lists): GatewaySettings {
  return {
    mode: gateway.mode,
    passive: gateway.passive,
    serverName: gateway.serverName,
    connectTimeout: gateway.connectTimeout,
    readTimeout: gateway.readTimeout,
    ...(gateway.protocol === "http" ? {} : { protocol: gateway.protocol }),
    ...(gateway.keepalive === undefined ? {} : { keepalive: keepalive(gateway.keepalive) }),
    ...(gateway.maxBody === undefined ? {} : { maxBody: gateway.maxBody }),
    split: rollout.split,
    key: userKey(rollout.key),
    ...(rollout.pin === undefined ? {} : { pin: rollout.pin }),
    rules: rollout.rules.flatMap((one, i) => rule(one, lists.get(i) ?? [])),
    realIp: gateway.realIp ?? null,
    releaseHeader: gateway.releaseHeader ?? null,
  };
}

const keepalive = (given: NonNullable<FileValue["gateway"]["keepalive"]>): Duration =>
  given === "off" ? millis(0) : given;

function userKey(text: string): UserKey {
  const [by = "", name = ""] = text.split(":");
  if (by === "cookie" || by === "header" || by === "arg") return { by, name };
  return { by: by === "address" ? "address" : "auto" };
}

type RuleValue = FileValue["rollout"]["rules"][number];

/** `listed`: what the rule's file holds. */
function rule(value: RuleValue, listed: readonly string[]): readonly Rule[] {
  const { to, header, cookie, arg, address, is } = value;
  const file = listFileOf(value);
  const own = file === null ? { to } : { to, list: file };
  const values = file === null ? (typeof is === "string" ? [is] : (is ?? [])) : listed;
  if (header !== undefined) return [{ by: "header", name: header, is: values, ...own }];
  if (cookie !== undefined) return [{ by: "cookie", name: cookie, is: values, ...own }];
  if (arg !== undefined) return [{ by: "arg", name: arg, is: values, ...own }];
  if (address === undefined) return [];
  return [{ by: "address", in: file === null ? rangesOf(address) : listed, ...own }];
}

function rangesOf(address: NonNullable<RuleValue["address"]>): readonly string[] {
  if (typeof address === "string") return [address];
  return "in" in address ? [] : address;
}

export function policy(
  rollout: FileValue["rollout"],
  resolved: readonly ResolvedStep[],
  slots: number,
): Policy {
  const { maxUnavailable, maxLoad, ramp, progressDeadline, onHostLost, hostLostAfter } = rollout;
  const steps = rollout.steps.map(({ bake, approve, share }, i): Step => {
    const { servers, ...step } = resolved[i] ?? { share: share ?? EVERYTHING };
    return { ...step, bake, approve, ...(servers === undefined ? {} : { slots: servers }) };
  });
  const unavailable = unavailableOf(maxUnavailable, slots);
  const lost = { onHostLost, hostLostAfter };
  const gently = ramp === undefined ? {} : { ramp };
  const limits = { maxUnavailable: unavailable, maxLoad, ...drain(rollout.drain) };
  return { steps, ...limits, ...gently, progressDeadline, ...lost };
}

function drain(given: FileValue["rollout"]["drain"]): Drain {
  if (typeof given === "number") return { drain: given };
  const kinds = TRAFFIC_KINDS.flatMap((kind) => {
    const policy = given[kind];
    return policy === undefined ? [] : [{ kind, policy }];
  });
  const times: readonly (readonly [string, Duration])[] = kinds
    .filter(({ kind }) => kind !== "requests")
    .map(({ kind, policy }) => [kind, timeOf(policy)]);
  const asked = kinds.flatMap(({ kind, policy }) =>
    typeof policy === "number" ? [] : [{ kind, ask: askOf(policy.ask) }],
  );
  // Once for all that are asked in the same way.
  const groups = Map.groupBy(asked, ({ ask }) => JSON.stringify(ask));
  const asks = [...groups.values()].flatMap((group): readonly DrainAsk[] => {
    const [first] = group;
    return first === undefined ? [] : [{ kinds: group.map(({ kind }) => kind), ask: first.ask }];
  });
  return {
    drain: timeOf(given.requests),
    drainKinds: Object.fromEntries(times),
    ...(asks.length === 0 ? {} : { asks }),
  };
}

type DrainByKind = Exclude<FileValue["rollout"]["drain"], number>;
type DrainPolicy = DrainByKind["requests"];

const timeOf = (policy: DrainPolicy): Duration => (typeof policy === "number" ? policy : policy.deadline);

function askOf({ signal, path, method, run = "" }: Exclude<DrainPolicy, number>["ask"]): Ask {
  if (signal !== undefined) return { kind: "signal", signal };
  if (path !== undefined) return { kind: "http", path, method: method ?? "POST" };
  return { kind: "run", command: run };
}
