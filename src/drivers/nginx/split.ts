import type { Application, Rule, UserKey } from "../../model/application.ts";
import { cidr, mapKey, prefix, requestVariable } from "./names.ts";

const PAIRS = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, "0"));

/**
 * The maps that lead from a request to its key below `cur/`: a rule's `canary` or `stable`, or a bucket
 * `37/52`. Rules are a chain: what one does not decide is the next one's, and the last one's default is the
 * bucket.
 */
export function splitMaps(application: Application): readonly string[] {
  const v = prefix(application.name);
  const { split, key, rules } = application.gateway;
  if (split === "servers") return [`map "" $${v}_key {`, "    default stable;", "}"];
  return [
    ...userKey(v, key),
    ...hashes(application, v),
    ...rules.flatMap((rule, i) => ruleMap(v, rule, { from: i, last: i === rules.length - 1 })),
    ...(rules.length === 0 ? [`map "" $${v}_key {`, `    default $${v}_bucket;`, "}"] : []),
  ];
}

/** Who is not known by the key is told apart by address and browser: parallel first requests agree. */
const STRANGER = "$remote_addr|$http_user_agent";

function userKey(v: string, key: UserKey): readonly string[] {
  if (key.by === "address") return [`map "" $${v}_user {`, "    default $remote_addr;", "}"];
  if (key.by === "auto") return [`map "" $${v}_user {`, `    default "${STRANGER}";`, "}", ...ownCookie(v)];
  const source = requestVariable(key.by, key.name);
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
    `    "" "${v}=$${v}_top$${v}_sub; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax";`,
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

interface Place {
  readonly from: number;
  readonly last: boolean;
}

function ruleMap(v: string, rule: Rule, { from, last }: Place): readonly string[] {
  const target = from === 0 ? `$${v}_key` : `$${v}_rule${from}`;
  const next = last ? `$${v}_bucket` : `$${v}_rule${from + 1}`;
  const otherwise = `    default ${next};`;
  if (rule.by === "address") {
    return [
      `geo $${v}_net${from} {`,
      '    default "";',
      ...rule.in.map((range) => `    ${cidr(range)} in;`),
      "}",
      `map $${v}_net${from} ${target} {`,
      otherwise,
      `    in ${rule.to};`,
      "}",
    ];
  }
  return [
    `map ${requestVariable(rule.by, rule.name)} ${target} {`,
    otherwise,
    ...rule.is.map((value) => `    ${mapKey(value)} ${rule.to};`),
    "}",
  ];
}
