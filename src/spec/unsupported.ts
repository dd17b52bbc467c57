import { finding } from "./diagnostic.ts";
import type { Finding, Path } from "./diagnostic.ts";
import { get, textOf } from "./tree.ts";
import type { Tree } from "./tree.ts";

interface Unsupported {
  readonly what: string;
  readonly instead: string;
  /** The keys at which it is asked for. */
  readonly asked: (file: Tree) => readonly Path[];
}

/** What the file may say already and this version cannot do. A row goes when its feature comes. */
const UNSUPPORTED: readonly Unsupported[] = [
  {
    what: "a PostgreSQL state",
    instead: "use a directory, such as .glidepath",
    asked: (file) => (/^postgres(?:ql)?:/.test(textOf(get(file, "state")) ?? "") ? [["state"]] : []),
  },
];

export function unsupportedFindings(file: Tree): readonly Finding[] {
  return UNSUPPORTED.flatMap(({ what, instead, asked }) =>
    asked(file).map((path) =>
      finding("unsupported", path, { message: `${what} is not supported by this version`, hint: instead }),
    ),
  );
}
