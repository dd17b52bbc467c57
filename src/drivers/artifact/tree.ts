import { appError } from "../../base/errors.ts";
import type { AppError } from "../../base/errors.ts";
import { err, ok } from "../../base/result.ts";
import type { Result } from "../../base/result.ts";

/**
 * Decides, entry by entry, what an artifact may contain. Pure.
 *
 * Why nothing escapes: (1) every parent of an entry is a directory of the same tree, never a link; (2) a
 * symlink's target is relative, has `..` only at its beginning, and does not climb above the root. So
 * following a link starts in a real directory inside, climbs to a real directory inside, and then descends
 * by names; where a name is again a link, the same holds from there.
 */
export type EntryKind = "file" | "directory" | "symlink" | "hardlink";

/** An entry as some archive has it. */
export interface Claim {
  readonly kind: EntryKind;
  readonly path: string;
  /** Of a link, as the archive has it; else empty. */
  readonly target: string;
  readonly size: number;
}

/** What it is in the release: no `./`, no wrapping directory; null for the root itself. */
export interface Admitted {
  readonly path: string;
  readonly target: string;
}

export interface Limits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

export interface Tree {
  readonly limits: Limits;
  /** The single top directory that is taken off every path; null: paths stay as they are. */
  readonly wrapper: string | null;
  readonly nodes: Map<string, EntryKind>;
  bytes: number;
}

/** Not every entry is under the directory that the first one was under: read again without taking it off. */
export const OTHER_TOP = "other-top";
type Refused = AppError | typeof OTHER_TOP;

export const plant = (limits: Limits, wrapper: string | null): Tree => ({
  limits,
  wrapper,
  nodes: new Map(),
  bytes: 0,
});

const LONGEST_PATH = 4000;
const LONGEST_NAME = 255;

const shown = (name: string): string => JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);

const hostile = (path: string, why: string): Result<never, AppError> =>
  err(
    appError("artifact.hostile", `the artifact's entry ${shown(path)} ${why}`, {
      hint: "rebuild the artifact without this entry; nothing was unpacked anywhere",
    }),
  );

/** Names that a terminal, a log or a shell's line could be fooled by. */
function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}

/** The parts of a path inside the root, or why it is none. */
function partsOf(path: string): readonly string[] | string {
  if (path === "") return "has no name";
  if (hasControls(path)) return "has a control character in its name";
  if (path.startsWith("/")) return "is an absolute path; allowed are relative ones";
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) return "leads out by `..`; allowed are names below the artifact's root";
  if (Buffer.byteLength(path) > LONGEST_PATH) return `has a path of more than ${LONGEST_PATH} bytes`;
  if (parts.some((part) => Buffer.byteLength(part) > LONGEST_NAME)) {
    return `has a name of more than ${LONGEST_NAME} bytes`;
  }
  return parts;
}

/** Why a symlink at a depth (directories above it) may not point there; null if it may. */
function badTarget(target: string, depth: number): string | null {
  if (target === "") return "is a link to nothing";
  if (hasControls(target)) return "is a link with a control character in its target";
  if (target.startsWith("/")) return `is a link to the absolute path ${shown(target)}`;
  const parts = target.split("/").filter((part) => part !== "" && part !== ".");
  const climbs = parts.findIndex((part) => part !== "..");
  const up = climbs === -1 ? parts.length : climbs;
  if (up > depth) return `is a link to ${shown(target)}, which is outside the artifact`;
  if (parts.slice(up).includes("..")) {
    return `is a link to ${shown(target)}; allowed is \`..\` only at the beginning`;
  }
  if (Buffer.byteLength(target) > LONGEST_PATH) return "is a link to a path that is too long";
  return null;
}

/** Makes the directories above a path known; a file or link among them is refused. */
function growParents(tree: Tree, parts: readonly string[], path: string): Result<null, AppError> {
  let parent = "";
  for (const part of parts.slice(0, -1)) {
    parent = parent === "" ? part : `${parent}/${part}`;
    const kind = tree.nodes.get(parent);
    if (kind === undefined) tree.nodes.set(parent, "directory");
    else if (kind !== "directory")
      return hostile(path, `is written through ${shown(parent)}, which is a ${kind}`);
  }
  return ok(null);
}

function grow(tree: Tree, claim: Claim, path: string): Result<null, AppError> {
  const before = tree.nodes.get(path);
  if (before !== undefined && !(before === "directory" && claim.kind === "directory")) {
    return hostile(claim.path, `comes twice: a ${before} before, a ${claim.kind} now`);
  }
  tree.nodes.set(path, claim.kind);
  if (claim.kind === "file") tree.bytes += claim.size;
  const { maxBytes, maxEntries } = tree.limits;
  if (tree.bytes > maxBytes)
    return tooLarge(`unpacks to more than ${maxBytes} bytes`, claim.path, "maxBytes");
  if (tree.nodes.size > maxEntries)
    return tooLarge(`has more than ${maxEntries} entries`, claim.path, "maxEntries");
  return ok(null);
}

const tooLarge = (what: string, path: string, limit: string): Result<never, AppError> =>
  err(
    appError("artifact.too-large", `the artifact ${what}, seen at its entry ${shown(path)}`, {
      hint: `if it is meant to be so large, raise artifact.${limit} in the file`,
    }),
  );

/** Takes the wrapping directory off; null: it is the wrapper itself. */
function unwrap(parts: readonly string[], tree: Tree): readonly string[] | null | typeof OTHER_TOP {
  if (tree.wrapper === null) return parts;
  return parts[0] === tree.wrapper ? parts.slice(1) : OTHER_TOP;
}

function hardlinkTarget(tree: Tree, claim: Claim): Result<string, Refused> {
  const parts = partsOf(claim.target);
  if (typeof parts === "string")
    return hostile(claim.path, `is a hard link to ${shown(claim.target)}, which ${parts}`);
  const inside = unwrap(parts, tree);
  if (inside === OTHER_TOP) return err(OTHER_TOP);
  const target = (inside ?? []).join("/");
  if (tree.nodes.get(target) === "file") return ok(target);
  return hostile(
    claim.path,
    `is a hard link to ${shown(claim.target)}, which is no file that came before it`,
  );
}

/** Admits one entry and remembers it; null for the root directory itself. */
export function admit(tree: Tree, claim: Claim): Result<Admitted | null, Refused> {
  const whole = partsOf(claim.path);
  if (typeof whole === "string") return hostile(claim.path, whole);
  const parts = whole.length === 0 ? whole : unwrap(whole, tree);
  if (parts === OTHER_TOP) return err(OTHER_TOP);
  if (parts === null || parts.length === 0) {
    if (claim.kind === "directory") return ok(null);
    return tree.wrapper === null ? hostile(claim.path, `is the root, but a ${claim.kind}`) : err(OTHER_TOP);
  }
  const path = parts.join("/");
  const parents = growParents(tree, parts, claim.path);
  if (!parents.ok) return parents;
  let { target } = claim;
  if (claim.kind === "symlink") {
    const bad = badTarget(target, parts.length - 1);
    if (bad !== null) return hostile(claim.path, bad);
  }
  if (claim.kind === "hardlink") {
    const found = hardlinkTarget(tree, claim);
    if (!found.ok) return found;
    target = found.value;
  }
  const grown = grow(tree, claim, path);
  return grown.ok ? ok({ path, target }) : grown;
}

/** The first part of a path; null when there is none. */
export function topOf(path: string): string | null {
  return path.split("/").find((part) => part !== "" && part !== ".") ?? null;
}

/**
 * A top directory that is packaging, not content: named like the file, or with the release at its end
 * (`shop-v1.2`, `shop-1.2`). Nobody can mean it, for its name changes with every release; `dist/` or
 * `public/` stay.
 */
export function isWrapper(top: string, names: { readonly stem: string; readonly release: string }): boolean {
  const plain = names.release.replace(/^v(?=\d)/, "");
  const isRelease = [names.release, plain].some((id) => top === id || top.endsWith(`-${id}`));
  return isRelease || top === names.stem;
}
