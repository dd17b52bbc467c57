import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { describe, expect, it } from "vitest";
import { ERRORS } from "../../src/base/errors.ts";
import { TOP, committedFiles, readText } from "./files.ts";

/** Code shows what a link looks like; it is none. */
const withoutCode = (markdown: string): string =>
  markdown.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");

/** Where the links of a document lead that stay inside the repository. */
function linksIn(markdown: string): readonly string[] {
  const found = withoutCode(markdown).matchAll(/\]\(([^()\s]+)\)/g);
  return [...found].map((match) => match[1] ?? "").filter((link) => !/^[a-z]+:/.test(link));
}

/** As a forge makes them: lower case, no punctuation, dashes for blanks. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replaceAll(/\s/g, "-");

const anchorsIn = (markdown: string): readonly string[] =>
  [...markdown.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#{1,6} (.+)$/gm)].map((match) =>
    anchorOf(match[1] ?? ""),
  );

type Documents = ReadonlyMap<string, string>;

/** `document: link` of every link that leads nowhere. */
function deadLinks(documents: Documents, exists: (path: string) => boolean): string[] {
  return [...documents].flatMap(([path, text]) =>
    linksIn(text)
      .filter((link) => !leadsSomewhere(path, link, { documents, exists }))
      .map((link) => `${path}: ${link}`),
  );
}

interface World {
  readonly documents: Documents;
  readonly exists: (path: string) => boolean;
}

function leadsSomewhere(from: string, link: string, { documents, exists }: World): boolean {
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? from : join(dirname(from), file);
  if (!exists(path)) return false;
  return anchor === undefined || anchorsIn(documents.get(path) ?? "").includes(decodeURIComponent(anchor));
}

/** What is written as code in a cell, a line or a block. */
const isCode = (word: string, markdown: string): boolean => markdown.includes(`\`${word}\``);

const ROW = /: CommandRow = \{\s+name: "([\w-]+)"/g;

/** The names of the rows in src/cli/commands. */
function commandsIn(sources: Documents): readonly string[] {
  return [...sources]
    .filter(([path]) => /^src\/cli\/commands\/[\w-]+\.ts$/.test(path) && !path.endsWith(".test.ts"))
    .flatMap(([, text]) => Array.from(text.matchAll(ROW), (match) => match[1] ?? ""));
}

const files = committedFiles();
const read = (paths: readonly string[]): Documents => new Map(paths.map((path) => [path, readText(path)]));
const documents = read(files.filter((path) => path.endsWith(".md")));
const inRepository = (path: string): boolean =>
  files.includes(path) || (existsSync(TOP + path) && statSync(TOP + path).isDirectory());
const textOf = (path: string): string => documents.get(path) ?? "";

describe("the documents", () => {
  it("have no link that leads nowhere", () => {
    expect(deadLinks(documents, inRepository)).toEqual([]);
  });

  const commands = commandsIn(read(files.filter((path) => path.startsWith("src/cli/commands/"))));
  it.each(["README.md", "README.zh-CN.md"])("%s names every command", (readme) => {
    expect(commands).toContain("release");
    expect(commands.filter((name) => !textOf(readme).includes(`\`glidepath ${name}`))).toEqual([]);
  });

  it("say for every error code what to do", () => {
    const tables = textOf("docs/guide.md") + textOf("docs/reference/errors.md");
    expect(Object.keys(ERRORS).filter((code) => !isCode(code, tables))).toEqual([]);
  });

  it("give every error its exit code", () => {
    const rows = textOf("docs/guide.md").matchAll(/^\| `([\w.-]+)` \| (\d) \|/gm);
    const told = [...rows].map(([, code, exit]) => `${code} ${exit}`);
    const real = new Set(Object.entries(ERRORS).map(([code, { exit }]) => `${code} ${exit}`));
    expect(told.filter((row) => !real.has(row))).toEqual([]);
  });

  it("number every decision once, and list it", () => {
    const records = files.filter((path) => /^docs\/adr\/(?!README)/.test(path)).map((path) => path.slice(9));
    const numbers = records.flatMap((name) => /^\d{4}/.exec(name)?.[0] ?? []);
    expect(numbers).toEqual([...new Set(numbers)]);
    expect(records.filter((name) => !textOf("docs/adr/README.md").includes(`](${name})`))).toEqual([]);
  });
});

describe("control: the rules for documents can fail", () => {
  it("a dead link and a dead anchor are found, one in code is not", () => {
    const made = new Map([
      ["docs/a.md", "# One word\n[b](b.md) [c](../c.md#two-words) [d](#one-word) `[e](e.md)`\n[f](#no)"],
      ["c.md", "## Two, words!\n"],
    ]);
    expect(deadLinks(made, (path) => made.has(path))).toEqual(["docs/a.md: b.md", "docs/a.md: #no"]);
  });

  it("commands are read from their rows", () => {
    const made = new Map([["src/cli/commands/a.ts", 'export const a: CommandRow = {\n  name: "a-b",\n};']]);
    expect(commandsIn(made)).toEqual(["a-b"]);
  });
});
