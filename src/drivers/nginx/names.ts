import { createHash } from "node:crypto";
import { isIP, isIPv6 } from "node:net";
import { assert } from "../../base/assert.ts";
import type { AppName } from "../../model/ids.ts";

/**
 * What may stand in the config. The file's parser has validated all of it; the writer asserts again, because
 * a string that breaks out of nginx's syntax would be a hole and not a mistake.
 */
const LISTEN = /^[0-9A-Fa-f.:[\]]+(?: ssl)?(?: http2)?$/;
const PATH = /^\/[A-Za-z0-9_.:@/+,=-]*$/;
const VALUE = /^[A-Za-z0-9._:@/-]{1,128}$/;
const HEADER = /^[A-Za-z0-9-]{1,64}$/;
const ARGUMENT = /^[A-Za-z0-9_]{1,64}$/;
const SERVER_NAME = /^(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})?$/;
const CIDR = /^[0-9A-Fa-f.:]+(\/\d{1,3})?$/;

function checked(pattern: RegExp, text: string, what: string): string {
  assert(
    pattern.test(text) && !text.includes(".."),
    `${what} cannot stand in an nginx config: ${JSON.stringify(text)}`,
  );
  return text;
}

export const listenWords = (text: string): string => checked(LISTEN, text, "this listen");
export const path = (text: string): string => checked(PATH, text, "this path");
export const serverName = (text: string): string => checked(SERVER_NAME, text, "this server name");
export const headerName = (text: string): string => checked(HEADER, text, "this header");
export const cidr = (text: string): string => checked(CIDR, text, "this address range");
export const isSafePath = (text: string): boolean => PATH.test(text) && !text.includes("..");

const MAP_WORDS: ReadonlySet<string> = new Set(["default", "include", "volatile", "hostnames"]);
/** nginx's map hash takes keys of up to 46 bytes, and some hundred of them, unless told otherwise. */
const LONGEST_KEY = 40;
const MOST_KEYS = 32;
/** nginx reads words of up to 4096 bytes. */
const LONGEST_PATTERN = 3500;

const isPlain = (text: string): boolean => !MAP_WORDS.has(text) && text.length <= LONGEST_KEY;

/**
 * Values that a map compares with, quoted, each once whatever its case. What its hash does not take
 * without settings that are the user's stands in patterns, many values in one.
 */
export function mapKeys(values: readonly string[]): readonly string[] {
  const all = [...new Map(values.map((value) => [value.toLowerCase(), mapValue(value)])).values()];
  const plain = all.length > MOST_KEYS ? [] : all.filter(isPlain);
  const others = all.filter((value) => !plain.includes(value)).map((value) => value.replaceAll(".", "\\."));
  const patterns: string[] = [];
  for (const value of others) {
    const last = patterns.at(-1);
    const joined = `${last ?? ""}|${value}`;
    if (last === undefined || joined.length > LONGEST_PATTERN) patterns.push(value);
    else patterns[patterns.length - 1] = joined;
  }
  return [...plain.map((value) => `"${value}"`), ...patterns.map((pattern) => `"~*^(?:${pattern})$"`)];
}

/** `..` is harmless here. */
function mapValue(text: string): string {
  assert(VALUE.test(text), `this value cannot stand in an nginx config: ${JSON.stringify(text)}`);
  return text;
}

export type Source = "header" | "cookie" | "arg";

/** nginx's variable for a header, cookie or argument of the request. */
export function requestVariable(by: Source, name: string): string {
  if (by === "header") return `$http_${headerName(name).toLowerCase().replaceAll("-", "_")}`;
  return `$${by}_${checked(ARGUMENT, name, `this ${by}`)}`;
}

/** `127.0.0.1:8001`, `[::1]:8001`. */
export function endpoint(address: string, port: number): string {
  assert(isIP(address) !== 0, `a slot's address in an nginx config is an IP address, not ${address}`);
  assert(Number.isInteger(port) && port > 0 && port < 65_536, `a port is 1 to 65535, not ${port}`);
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

export const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12);
export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * The application's part of nginx's names, which are global there. nginx's hash of variables takes names of
 * up to 46 bytes unless told otherwise, so that a long name is shortened.
 */
export function prefix(app: AppName): string {
  const plain = app.replaceAll("-", "_");
  return `glidepath_${plain.length <= 20 ? plain : `${plain.slice(0, 11)}_${digest(app).slice(0, 8)}`}`;
}

/**
 * Where the control server of this config listens: an address of the loopback network of its own, on a fixed
 * port. Not a unix socket: one that a power cut leaves behind keeps nginx from starting.
 */
export function controlAddress(
  app: AppName,
  config: string,
): { readonly address: string; readonly port: number } {
  const bytes = createHash("sha256").update(`${app}\n${config}`).digest();
  const part = (at: number): number => 1 + ((bytes[at] ?? 0) % 254);
  return { address: `127.${part(0)}.${part(1)}.${part(2)}`, port: 7929 };
}
