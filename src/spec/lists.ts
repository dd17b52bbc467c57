import { finding, show } from "./diagnostic.ts";
import type { Finding, Path } from "./diagnostic.ts";
import { RULE_ADDRESS, RULE_VALUE, type Grammar } from "./grammar.ts";
import { resolvePath } from "./paths.ts";
import type { FileValue } from "./schema.ts";

/** What the files hold that rules name, by the rule's place. */
export type Lists = ReadonlyMap<number, readonly string[]>;

/** The text of a file, or null when it cannot be read. */
export type ReadText = (path: string) => string | null;

export interface ListContext {
  readonly directory: string;
  readonly read: ReadText;
}

/** More in one list, and every reload of nginx would take long. */
const MOST_VALUES = 10_000;
/** One wrong file shall not bury all else that is wrong. */
const MOST_TOLD = 10;

type RuleValue = FileValue["rollout"]["rules"][number];

/** The file that a rule names, if it does. */
export function listFileOf({ address, in: file }: RuleValue): string | null {
  const ranges = typeof address === "object" && "in" in address ? address.in : undefined;
  return file ?? ranges ?? null;
}

/** Reads every list that a rule names; each mistake in one is told with the list's own line. */
export function readLists(
  rules: readonly RuleValue[],
  context: ListContext,
): { readonly lists: Lists; readonly findings: readonly Finding[] } {
  const lists = new Map<number, readonly string[]>();
  const findings: Finding[] = [];
  for (const [i, rule] of rules.entries()) {
    const file = listFileOf(rule);
    if (file === null) continue;
    const own = rule.address === undefined ? ["in"] : ["address", "in"];
    const read = readList({ file, grammar: rule.address === undefined ? RULE_VALUE : RULE_ADDRESS }, context);
    lists.set(i, read.values);
    findings.push(...read.mistakes.map((said) => at(["rollout", "rules", i, ...own], said)));
  }
  return { lists, findings };
}

const at = (path: Path, said: string): Finding => finding("list", path, said);

interface Read {
  readonly values: readonly string[];
  readonly mistakes: readonly string[];
}

function readList(
  { file, grammar }: { readonly file: string; readonly grammar: Grammar },
  { directory, read }: ListContext,
): Read {
  const text = read(resolvePath(directory, file));
  if (text === null) return { values: [], mistakes: [`${file} cannot be read: a list of one value a line`] };
  const values = new Map<string, string>();
  const mistakes: string[] = [];
  for (const [i, line] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    const value = line.replace(/#.*$/, "").trim();
    if (value === "") continue;
    const fault = faultOf(value, grammar);
    if (fault !== null) mistakes.push(`${file}:${i + 1}: ${fault}`);
    // nginx compares without regard to case and refuses what it is told twice.
    else if (!values.has(value.toLowerCase())) values.set(value.toLowerCase(), value);
  }
  const more = mistakes.length - MOST_TOLD;
  const told = more > 0 ? [...mistakes.slice(0, MOST_TOLD), `${file}: and ${more} more`] : mistakes;
  if (values.size > MOST_VALUES)
    told.push(`${file} holds ${values.size} values, at most ${MOST_VALUES} may be`);
  if (values.size === 0 && mistakes.length === 0) told.push(`${file} holds no value`);
  return { values: [...values.values()], mistakes: told };
}

function faultOf(value: string, { pattern, expected, refuse }: Grammar): string | null {
  const reason = pattern.test(value) ? (refuse?.(value) ?? null) : "";
  if (reason === null) return null;
  return `expected ${expected}, found ${show(value)}${reason === "" ? "" : `: ${reason}`}`;
}
