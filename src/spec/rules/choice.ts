import { finding } from "../diagnostic.ts";
import type { Finding, Path } from "../diagnostic.ts";
import { has } from "../tree.ts";
import type { Tree } from "../tree.ts";

/** A mapping that is of one of several kinds, told by a key of its own. */
export interface Choice {
  /** Key that tells the kind → keys that only this kind has. */
  readonly kinds: Readonly<Record<string, readonly string[]>>;
  /** Key that tells the kind → keys that this kind needs. */
  readonly needs?: Readonly<Record<string, readonly string[]>>;
  readonly optional?: boolean;
}

/** The kinds whose key is there, in the file's order. */
export const kindsIn = (tree: Tree, choice: Choice): readonly string[] =>
  Object.keys(tree).filter((kind) => Object.hasOwn(choice.kinds, kind) && has(tree, kind));

export function choiceFindings(tree: Tree, path: Path, choice: Choice): readonly Finding[] {
  const [kind, ...others] = kindsIn(tree, choice);
  const names = Object.keys(choice.kinds).join(", ");
  if (kind === undefined) {
    return choice.optional === true
      ? orphans(tree, path, choice)
      : [finding("missing", path, `one of ${names} is required`)];
  }
  const rivals = others.map((other) =>
    finding("conflict", [...path, other], `excludes ${kind}, which is there too: keep one of ${names}`),
  );
  return rivals.length > 0
    ? rivals
    : [...strangers(tree, path, { kind, choice }), ...needed(tree, path, { kind, choice })];
}

interface Chosen {
  readonly kind: string;
  readonly choice: Choice;
}

/** Keys of another kind than the chosen. */
function strangers(tree: Tree, path: Path, { kind, choice }: Chosen): readonly Finding[] {
  const own = choice.kinds[kind] ?? [];
  return ownedKeys(choice)
    .filter((key) => has(tree, key) && !own.includes(key))
    .map((key) =>
      finding("conflict", [...path, key], `goes with ${ownersOf(key, choice)}, not with ${kind}`),
    );
}

function orphans(tree: Tree, path: Path, choice: Choice): readonly Finding[] {
  return ownedKeys(choice)
    .filter((key) => has(tree, key))
    .map((key) =>
      finding("conflict", [...path, key], `goes with ${ownersOf(key, choice)}, which is not there`),
    );
}

function needed(tree: Tree, path: Path, { kind, choice }: Chosen): readonly Finding[] {
  return (choice.needs?.[kind] ?? [])
    .filter((key) => !has(tree, key))
    .map((key) => finding("missing", path, `${key} is required with ${kind}`));
}

const ownedKeys = (choice: Choice): readonly string[] => [...new Set(Object.values(choice.kinds).flat())];

function ownersOf(key: string, choice: Choice): string {
  const owners = Object.entries(choice.kinds).filter(([, keys]) => keys.includes(key));
  return owners.map(([kind]) => kind).join(" or ");
}
