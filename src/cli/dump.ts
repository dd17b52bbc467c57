import { dirname } from "node:path/posix";
import type { Survey } from "./deps.ts";

interface Directive {
  /** Names of the blocks around it, outermost first. */
  readonly within: readonly string[];
  readonly name: string;
  readonly args: readonly string[];
}

/** A comment, a quoted or bare word, or one of `;{}`. */
const TOKEN = /#[^\n]*|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|[;{}]|(?:\\.|\$\{[^}]*\}|[^\s;{}"'\\])+/g;

/**
 * The directives of an nginx configuration, as far as `init` needs them. It only reads, and what it does not
 * understand (a Lua block, say) adds nonsense that nobody asks for.
 */
export function directivesOf(text: string): readonly Directive[] {
  const found: Directive[] = [];
  const within: string[] = [];
  let words: string[] = [];
  for (const match of text.matchAll(TOKEN)) {
    const token = match[0];
    if (token.startsWith("#")) continue;
    if (token !== ";" && token !== "{" && token !== "}") {
      words.push(match[1] ?? match[2] ?? token);
      continue;
    }
    const [name, ...args] = words;
    words = [];
    if (name !== undefined && token !== "}") found.push({ within: [...within], name, args });
    if (token === "{") within.push(name ?? "");
    if (token === "}") within.pop();
  }
  return found;
}

/** Where a new file ending in .conf is read: the directory of an include of the http block that takes it. */
function confDirOf(directives: readonly Directive[], main: string): string {
  const patterns = directives
    .filter(({ name, within }) => name === "include" && within.join(" ") === "http")
    .map(({ args }) => args[0] ?? "")
    .filter((pattern) => /\/\*(\.conf)?$/.test(pattern));
  const found = patterns.find((pattern) => pattern.endsWith("*.conf")) ?? patterns[0];
  if (found === undefined) return `${dirname(main)}/conf.d`;
  const directory = dirname(found);
  return directory.startsWith("/") ? directory : `${dirname(main)}/${directory}`;
}

const MAIN = /^# configuration file (.+):$/m;

/** What `nginx -T` tells about a machine; null if it is no such output. */
export function surveyOf(binary: string, dump: string): Survey | null {
  const main = MAIN.exec(dump)?.[1];
  if (main === undefined) return null;
  const directives = directivesOf(dump);
  const firstArgs = (name: string, block: string): readonly Directive[] =>
    directives.filter((directive) => directive.name === name && directive.within.at(-1) === block);
  const listens = firstArgs("listen", "server").flatMap(({ args }) => args.slice(0, 1));
  return {
    binary,
    main,
    confDir: confDirOf(directives, main),
    listens: [...new Set(listens)],
    upstreams: upstreamsOf(dump),
  };
}

/** Each upstream with its servers' addresses, parameters left out; sockets are none that a slot could be. */
function upstreamsOf(dump: string): Survey["upstreams"] {
  const upstreams: { name: string; servers: string[] }[] = [];
  for (const { name, args, within } of directivesOf(dump)) {
    if (name === "upstream") upstreams.push({ name: args[0] ?? "", servers: [] });
    else if (name === "server" && within.at(-1) === "upstream") upstreams.at(-1)?.servers.push(args[0] ?? "");
  }
  return upstreams;
}
