import type { Path } from "./diagnostic.ts";

/** A mapping of the file, before anything is known of its values. */
export type Tree = Readonly<Record<string, unknown>>;

/**
 * The mapping; without any key where the file has something else. Rules look at what is there, whatever else
 * is wrong.
 */
export const treeOf = (value: unknown): Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Tree) : {};

export const isTree = (value: unknown): value is Tree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const has = (tree: Tree, key: string): boolean => Object.hasOwn(tree, key) && tree[key] !== undefined;

/** The value under a key of its own. */
export const get = (tree: Tree, key: string): unknown => (Object.hasOwn(tree, key) ? tree[key] : undefined);

export const section = (tree: Tree, key: string): Tree => treeOf(get(tree, key));

export const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? (value as readonly unknown[]) : [];

export const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

/** What stands at a path; undefined where nothing does. */
export function lookUp(value: unknown, path: Path): unknown {
  let here = value;
  for (const part of path) {
    here = typeof part === "number" ? listOf(here)[part] : get(treeOf(here), part);
  }
  return here;
}
