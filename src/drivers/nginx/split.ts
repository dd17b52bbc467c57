import type { Application, Rule, UserKey } from "../../model/application.ts";
import { cidr, mapKeys, prefix, requestVariable, type Source } from "./names.ts";

export const PAIRS = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, "0"));

/**
 * The maps that lead from a request to its key, a rule's `canary` or `stable`, or a bucket `37/52`, and to
 * its place below `cur/`, where a bucket is `3/7/5/2`. Rules are a chain: what one does not decide is the
 * next one's, and the last one's default is the bucket.
 */
export function splitMaps(application: Application): readonly string[] {
  const v = prefix(application.name);
  const { split, key, rules } = application.gateway;
  if (split === "servers") return [`map "" $${v}_key {`, "    default stable;", "}", ...placeOf(v)];
  return [
    ...headersIn(application).flatMap((name, i) => headerMap(requestVariable("header", name), `$${v}_h${i}`)),
    ...userKey(application, key),
    ...hashes(application, v),
    ...rules.flatMap((rule, i) => ruleMap(application, rule, i)),
    ...(rules.length === 0 ? [`map "" $${v}_key {`, `    default $${v}_bucket;`, "}"] : []),
    ...placeOf(v),
  ];
}

/** Four levels of ten keep a switch small: see tree.ts. */
const placeOf = (v: string): readonly string[] => [
  `map $${v}_key $${v}_at {`,
  `    default $${v}_key;`,
  '    "~^([0-9])([0-9])/([0-9])([0-9])$" $1/$2/$3/$4;',
  "}",
];

/** The headers that the key and the rules look at. */
function headersIn({ gateway: { key, rules } }: Application): readonly string[] {
  const asked = [key, ...rules].flatMap((one) => (one.by === "header" ? [one.name.toLowerCase()] : []));
  return [...new Set(asked)];
}

/**
 * Of a header that comes twice nginx takes the first line up to 1.22, and both, joined by a comma, from
 * 1.23 on. What stands before the first comma is the same for both.
 */
const headerMap = (source: string, target: string): readonly string[] => [
  `map ${source} ${target} {`,
  `    default ${source};`,
  '    "~^([^,]*?) *," $1;',
  "}",
];

/** The variable that holds a header, cookie or argument. */
function valueOf(application: Application, by: Source, name: string): string {
  if (by !== "header") return requestVariable(by, name);
  return `$${prefix(application.name)}_h${headersIn(application).indexOf(name.toLowerCase())}`;
}

/** Who is not known by the key is told apart by address and browser: parallel first requests agree. */
const STRANGER = "$remote_addr|$http_user_agent";

function userKey(application: Application, key: UserKey): readonly string[] {
  const v = prefix(application.name);
  if (key.by === "address") return [`map "" $${v}_user {`, "    default $remote_addr;", "}"];
  if (key.by === "auto") return [`map "" $${v}_user {`, `    default "${STRANGER}";`, "}", ...ownCookie(v)];
  const source = valueOf(application, key.by, key.name);
  return [`map ${source} $${v}_user {`, `    "" "${STRANGER}";`, `    default ${source};`, "}"];
}

/** The cookie that the gateway issues holds the bucket itself; anything but four digits is replaced. */
function ownCookie(v: string): readonly string[] {
  return [
    `map $cookie_${v} $${v}_kept {`,
    '    default "";',
    '    "~^([0-9][0-9])([0-9][0-9])$" $1/$2;',
    "}",
    `map $${v}_kept $${v}_issue {`,
    '    default "";',
    `    "" "${v}=$${v}_top$${v}_sub; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax$${v}_safe";`,
    "}",
    `map $sent_http_content_type $${v}_cookie {`,
    '    default "";',
    `    "~*^text/html" $${v}_issue;`,
    "}",
  ];
}

function hashes(application: Application, v: string): readonly string[] {
  const level = (name: "top" | "sub"): readonly string[] => [
    `split_clients "${application.name}/${name}|$${v}_user" $${v}_${name} {`,
    ...PAIRS.map((pair, i) => `    ${i === 99 ? "*" : "1%"} ${pair};`),
    "}",
  ];
  const hashed = `$${v}_top/$${v}_sub`;
  const bucket =
    application.gateway.key.by === "auto"
      ? [`map $${v}_kept $${v}_bucket {`, `    "" ${hashed};`, `    default $${v}_kept;`, "}"]
      : [`map "" $${v}_bucket {`, `    default ${hashed};`, "}"];
  return [...level("top"), ...level("sub"), ...bucket];
}

function ruleMap(application: Application, rule: Rule, at: number): readonly string[] {
  const v = prefix(application.name);
  const { rules } = application.gateway;
  const target = at === 0 ? `$${v}_key` : `$${v}_rule${at}`;
  const next = at === rules.length - 1 ? `$${v}_bucket` : `$${v}_rule${at + 1}`;
  const otherwise = `    default ${next};`;
  if (rule.by === "address") {
    return [
      `geo $${v}_net${at} {`,
      '    default "";',
      ...rule.in.map((range) => `    ${cidr(range)} in;`),
      "}",
      `map $${v}_net${at} ${target} {`,
      otherwise,
      `    in ${rule.to};`,
      "}",
    ];
  }
  return [
    `map ${valueOf(application, rule.by, rule.name)} ${target} {`,
    `    "" ${next};`,
    otherwise,
    ...mapKeys(rule.is).map((key) => `    ${key} ${rule.to};`),
    "}",
  ];
}
