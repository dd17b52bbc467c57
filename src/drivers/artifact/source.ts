import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Application } from "../../model/application.ts";
import type { ReleaseId } from "../../model/ids.ts";
import { refuse } from "./refusal.ts";

export type Format = "tar" | "tar.gz" | "tar.zst" | "zip";

/** Where something is published: over the network, or on the controller's own disk. */
export type Place =
  | { readonly kind: "http"; readonly url: URL; readonly name: string; readonly shown: string }
  | { readonly kind: "path"; readonly path: string; readonly name: string; readonly shown: string };

const EXTENSIONS: readonly (readonly [string, Format])[] = [
  [".tar.gz", "tar.gz"],
  [".tgz", "tar.gz"],
  [".tar.zst", "tar.zst"],
  [".tar", "tar"],
  [".zip", "zip"],
];

/** By its name; null when the name says nothing. */
export function formatOf(name: string): Format | null {
  const lower = name.toLowerCase();
  return EXTENSIONS.find(([extension]) => lower.endsWith(extension))?.[1] ?? null;
}

/** The name less its extension: `shop-v1.tar.gz` → `shop-v1`. */
export function stem(name: string): string {
  const extension = EXTENSIONS.find(([text]) => name.toLowerCase().endsWith(text))?.[0] ?? "";
  return name.slice(0, name.length - extension.length);
}

/** An address without what may be secret in it: no user, no password, no query. */
export const shownUrl = (url: URL): string => `${url.origin}${url.pathname}`;

const lastPart = (path: string): string => path.split("/").findLast((part) => part !== "") ?? "";

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The place of a template of the file's for one release; relative paths start at the file's directory. */
export function placeOf(template: string, release: ReleaseId, application: Application): Place {
  const text = template.replaceAll("{release}", release);
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) {
    const path = isAbsolute(text) ? text : resolve(application.directory, text);
    return { kind: "path", path, name: lastPart(path), shown: path };
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && (scheme === "http" || scheme === "https")) {
    return { kind: "http", url, name: decoded(lastPart(url.pathname)), shown: shownUrl(url) };
  }
  if (url !== null && scheme === "file" && url.host === "") {
    const path = fileURLToPath(url);
    return { kind: "path", path, name: lastPart(path), shown: path };
  }
  throw refuse("artifact.unreachable", `an artifact cannot be fetched from ${scheme}: addresses`, {
    hint: "use http:, https:, file: with three slashes, or a path",
  });
}

const MAGIC: readonly (readonly [Format, number, readonly number[]])[] = [
  ["tar.gz", 0, [0x1f, 0x8b]],
  ["tar.zst", 0, [0x28, 0xb5, 0x2f, 0xfd]],
  ["zip", 0, [0x50, 0x4b, 0x03, 0x04]],
  ["zip", 0, [0x50, 0x4b, 0x05, 0x06]],
  ["tar", 257, [0x75, 0x73, 0x74, 0x61, 0x72]],
];

/** By its first bytes; null when they are none that we know (a very old tar has no mark either). */
export function formatOfBytes(head: Uint8Array): Format | null {
  const matches = (at: number, bytes: readonly number[]): boolean =>
    bytes.every((byte, i) => head[at + i] === byte);
  return MAGIC.find(([, at, bytes]) => matches(at, bytes))?.[0] ?? null;
}

const LONGEST_QUOTE = 40;

/** The beginning of a file for a message: a proxy's error page is recognised at once. */
function quote(head: Uint8Array): string {
  const text = Array.from(head.subarray(0, LONGEST_QUOTE), (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCodePoint(byte) : ".",
  ).join("");
  return JSON.stringify(text);
}

/** What the artifact is; its name and its first bytes have to agree. */
export function settleFormat(name: string, head: Uint8Array): Format {
  const named = formatOf(name);
  const found = formatOfBytes(head);
  if (head.length === 0) throw refuse("artifact.broken", `${name} is empty`);
  if (named !== null && (found === named || (found === null && named === "tar"))) return named;
  if (named === null && found !== null) return found;
  const expected = named ?? "tar, tar.gz, tar.zst or zip";
  throw refuse(
    "artifact.broken",
    `${name} should be ${expected}, but is ${found ?? `none: ${quote(head)}`}`,
    {
      hint: "see what the address really serves; a page of a proxy or of a login is a usual cause",
    },
  );
}
