import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { Application, Rule, UserKey } from "../../model/application.ts";
import type { Asked, Named } from "../../model/asked.ts";
import type { ReleaseId } from "../../model/ids.ts";
import type { Routing, RoutingTable } from "../../model/routing.ts";
import { bucketOfUser } from "./bucket.ts";
import { prefix, type Source } from "./names.ts";
import { isPinLabel, pinCookie, pinLabel } from "./pins.ts";
import { canonical, clientOf, isInside } from "./ranges.ts";

/** Where one request goes, as nginx reckons it; none is made. */
export interface Place {
  readonly role: "canary" | "stable";
  /** The user's key: as given, or as the request has it. */
  readonly user: string;
  /** What decided: the first rule that matches, else one of 10 000 buckets. */
  readonly by:
    | { readonly rule: string }
    /** `pin`: the release that he stays with until he is idle. */
    | { readonly bucket: number; readonly of: number; readonly pin?: ReleaseId };
  /** The share, in basis points, from which on the canary serves the request; null: no share changes it. */
  readonly changesAt: number | null;
}

/** As the maps of the config do, in their order. */
export function placeOf(application: Application, routing: Routed, asked: Asked): Result<Place, AppError> {
  const { split, passive, key, rules } = application.gateway;
  if (split === "servers" || passive) return err(noUsers(application));
  const request = withUser(application, asked);
  const matches = rules.map((rule) => matchOf(rule, application, request));
  const first = matches.findIndex((match) => match !== null);
  const [rule, matched] = [rules[first], matches[first]];
  if (rule !== undefined && typeof matched === "string") {
    const user = asked.user ?? sourceOf(application, key, request) ?? "";
    return ok({ role: servedBy(routing, rule.to), user, by: { rule: matched }, changesAt: null });
  }
  const found = bucketOf(application, request, asked.user);
  if (found === null) return err(nobody(key));
  const { user, bucket } = found;
  const pin = pinOf(application, routing, { request, bucket });
  if (pin !== null) {
    const by = { bucket, of: 10_000, pin: pin.release };
    return ok({ role: pin.role, user, by, changesAt: bucket + 1 });
  }
  const role = servedBy(routing, bucket < routing.share ? "canary" : "stable");
  return ok({ role, user, by: { bucket, of: 10_000 }, changesAt: bucket + 1 });
}

/** What the gateways route, and what its roles run: by that visitors who stay are known. */
export interface Routed extends Routing {
  readonly releases?: RoutingTable["releases"];
}

interface Pinned {
  readonly role: Place["role"];
  readonly release: ReleaseId;
}

/** The release with which this visitor is kept; null: with none. */
function pinOf(
  application: Application,
  { canary, stable, pins, releases }: Routed,
  { request, bucket }: { readonly request: Asked; readonly bucket: number },
): Pinned | null {
  const { name, gateway } = application;
  const told = valueOf(request, "cookie", pinCookie(name));
  if (gateway.pin === undefined || pins === undefined || !isPinLabel(told)) return null;
  const isKept = {
    canary: canary.length > 0 && pins.canary,
    stable: stable.length > 0 && bucket >= pins.stable,
  };
  for (const role of ["canary", "stable"] as const) {
    const release = releases?.[role] ?? null;
    if (isKept[role] && release !== null && pinLabel(name, release) === told) return { role, release };
  }
  return null;
}

/** A role without a slot is served by the other. */
function servedBy({ canary, stable }: Routing, role: Place["role"]): Place["role"] {
  if (canary.length === 0) return "stable";
  return stable.length === 0 ? "canary" : role;
}

// ── what nginx reads out of a request ──────────────────────────────

/** The user's key stands where the gateway looks for it. */
function withUser({ gateway: { key } }: Application, asked: Asked): Asked {
  const { user } = asked;
  if (user === null) return asked;
  if (key.by === "address") return { ...asked, address: user };
  if (key.by === "auto") return asked;
  const first: Named = { name: key.name, value: user };
  if (key.by === "header") return { ...asked, headers: [first, ...asked.headers] };
  return key.by === "arg"
    ? { ...asked, args: [first, ...asked.args] }
    : { ...asked, cookies: [first, ...asked.cookies] };
}

/** Empty when it is not there: for nginx this is the same. */
function valueOf(asked: Asked, by: Source, name: string): string {
  if (by === "header") return trimmed(headerOf(asked, name).split(",", 1)[0] ?? "");
  if (by === "arg") return named(asked.args, name) ?? "";
  return named(asked.cookies, name) ?? cookieIn(headersOf(asked, "cookie"), name) ?? "";
}

/** Of blanks, nothing else: nginx knows no other space in a header. */
const trimmed = (text: string, where: "start" | "both" = "both"): string =>
  text.replace(/^ +/, "").replace(where === "both" ? / +$/ : /$/, "");
/** nginx knows no other letters. */
const lower = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
const isSame = (a: string, b: string): boolean => a.length === b.length && lower(a) === lower(b);
const named = (all: readonly Named[], name: string): string | null =>
  all.find((one) => isSame(one.name, name))?.value ?? null;
const headersOf = ({ headers }: Asked, name: string): readonly string[] =>
  headers.filter((header) => isSame(header.name, name)).map((header) => trimmed(header.value));
const headerOf = (asked: Asked, name: string): string => headersOf(asked, name)[0] ?? "";

/**
 * The first cookie of this name, whatever its case; its value goes as far as the next semicolon. A name
 * without a value takes what follows it along, as in nginx.
 */
function cookieIn(lines: readonly string[], name: string): string | null {
  for (const line of lines) {
    let rest = line;
    while (rest !== "") {
      if (isSame(rest.slice(0, name.length), name)) {
        const after = trimmed(rest.slice(name.length), "start");
        if (after.startsWith("=")) return trimmed(after.slice(1), "start").split(";", 1)[0] ?? "";
        rest = after.slice(1);
      }
      rest = trimmed(rest.replace(/^[^;,]*[;,]?/, ""), "start");
    }
  }
  return null;
}

function clientIn({ gateway: { realIp } }: Application, asked: Asked): string | null {
  const { address } = asked;
  if (address === null) return null;
  const lines = realIp === null ? [] : headersOf(asked, realIp.header);
  // nginx reads several lines of this header as one, and of any other the first.
  const said = isSame(realIp?.header ?? "", "X-Forwarded-For") ? lines.join(", ") : (lines[0] ?? "");
  return canonical(realIp === null ? address : clientOf(address, said, realIp.from));
}

// ── rules and buckets ──────────────────────────────

/** The words for what matched; null when the rule does not say anything of this request. */
function matchOf(rule: Rule, application: Application, asked: Asked): string | null {
  const where = rule.list === undefined ? "" : ` (${rule.list})`;
  if (rule.by === "address") {
    const address = clientIn(application, asked);
    const range = address === null ? undefined : rule.in.find((one) => isInside(address, [one]));
    return range === undefined ? null : `address ${address} is in ${range}${where}`;
  }
  const value = valueOf(asked, rule.by, rule.name);
  const matches = rule.is.some((one) => isSame(one, value));
  return matches ? `${rule.by} ${rule.name} is ${value}${where}` : null;
}

/** The cookie that the gateway issues by itself holds the bucket: four digits. */
const OWN_COOKIE = /^\d{4}$/;

/** What the key's place in the request holds; null: nothing. */
function sourceOf(application: Application, key: UserKey, asked: Asked): string | null {
  if (key.by === "address") return clientIn(application, asked);
  if (key.by !== "auto") return valueOf(asked, key.by, key.name) || null;
  const kept = valueOf(asked, "cookie", prefix(application.name));
  return OWN_COOKIE.test(kept) ? kept : null;
}

/** Who is not known by the key is told apart by address and browser. */
function strangerIn(application: Application, asked: Asked): string | null {
  const address = clientIn(application, asked);
  return address === null ? null : `${address}|${headerOf(asked, "user-agent")}`;
}

function bucketOf(
  application: Application,
  asked: Asked,
  given: string | null,
): { readonly user: string; readonly bucket: number } | null {
  const { key } = application.gateway;
  const own = key.by === "auto" ? given : null;
  const user = own ?? sourceOf(application, key, asked) ?? strangerIn(application, asked);
  if (user === null || user === "") return null;
  const isBucket = key.by === "auto" && OWN_COOKIE.test(user);
  return { user, bucket: isBucket ? Number(user) : bucketOfUser(application.name, user) };
}

const noUsers = ({ name, gateway }: Application): AppError =>
  appError(
    "usage",
    `${name}: with ${gateway.passive ? "passive: true" : "split: servers"} no user belongs to a release`,
    {
      hint: "every request may go to any slot in rotation: see `glidepath status`",
    },
  );

const nobody = (key: UserKey): AppError =>
  appError("usage", "the request says nothing by which a user is told", {
    hint:
      key.by === "address"
        ? "say the client's address: --address IP"
        : "say the user (--user), or the client's --address, and its User-Agent with --header",
  });
