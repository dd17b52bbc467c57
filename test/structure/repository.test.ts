import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { satisfies } from "semver";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { TOP, committedFiles, readText } from "./files.ts";

const manifest = z
  .object({
    version: z.string(),
    engines: z.object({ node: z.string() }),
    scripts: z.record(z.string(), z.string()),
    dependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(readText("package.json")));

const NODES = `
  v18.20.0 v20.20.2 v21.7.3 v22.21.0 v22.22.2 v22.22.3 v22.23.0 v23.11.0
  v24.14.9 v24.15.0 v24.21.0 v25.9.0 v26.0.0 v30.1.2`
  .trim()
  .split(/\s+/);

/** `file:line` of every line that the pattern matches. */
function linesWith(pattern: RegExp, files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, text]) =>
    text.split("\n").flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}`] : [])),
  );
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

/** Paths of the machine where they were written only: this checkout, a person's home, a temporary folder. */
function machinePaths(): RegExp {
  const home = homedir();
  const own = [TOP.replace(/\/$/, ""), home].filter((path) => path.split("/").length > 2);
  return new RegExp([...own.map(escaped), String.raw`/tmp/tmp\.\w{6,}`].join("|"));
}

/** Commands that a README tells its reader to type, and that are ours. */
function promised(markdown: string): readonly string[] {
  const blocks = markdown.match(/^```[\s\S]*?^```/gm) ?? [];
  const inline = markdown.match(/`[^`\n]+`/g) ?? [];
  const text = [...blocks, ...inline].join("\n");
  return [...new Set(text.match(/(?<![\w/.-])(?:\.\/)?(?:(?:script|bin)\/[\w-]+|npm run [\w:-]+)/g))];
}

function exists(command: string): boolean {
  if (command.startsWith("npm run ")) return manifest.scripts[command.slice("npm run ".length)] !== undefined;
  try {
    accessSync(TOP + command.replace(/^\.\//, ""), constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

describe("the repository", () => {
  const files = committedFiles();
  const texts = new Map(
    files
      .filter((path) => !/\.(png|jpg|gif|woff2?|gz|tgz|zst|zip)$/.test(path))
      .map((path) => [path, readText(path)]),
  );

  it("has a lock file that names no download address", () => {
    const lock = new Map([["package-lock.json", readText("package-lock.json")]]);
    expect(linesWith(/"resolved"|registry/, lock)).toEqual([]);
  });
  it("names no path of the machine it was written on", () => {
    expect(linesWith(machinePaths(), texts)).toEqual([]);
  });
  it("pins every dependency exactly", () => {
    const versions = Object.values({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
  it("has every command that its READMEs promise", () => {
    const readmes = [...texts].filter(([path]) => /(^|\/)README\.md$/.test(path));
    const missing = readmes.flatMap(([path, text]) =>
      promised(text)
        .filter((command) => !exists(command))
        .map((command) => `${path}: ${command}`),
    );
    expect(missing).toEqual([]);
  });
  it.each(NODES)("judges Node %s in the launcher as package.json does", (version) => {
    const script = `. "${TOP}bin/node-fits.sh"; if node_fits ${version}; then echo true; else echo false; fi`;
    const launcher = execFileSync("sh", ["-c", script], { encoding: "utf8" }).trim();
    expect(launcher).toBe(String(satisfies(version, manifest.engines.node)));
  });
});

describe("control: the repository's rules can fail", () => {
  it("a download address and a machine's path are found, with their line", () => {
    const bad = new Map([["a.md", `fine\nsee ${TOP}src\n"resolved": "x"`]]);
    expect(linesWith(/"resolved"/, bad)).toEqual(["a.md:3"]);
    expect(linesWith(new RegExp(escaped(TOP)), bad)).toEqual(["a.md:2"]);
  });
  it("a promise that is not kept is found", () => {
    const readme = "Run `script/nowhere`:\n\n```sh\nnpm run nothing\n./bin/glidepath demo\n```\n";
    expect(promised(readme).filter((command) => !exists(command))).toEqual([
      "npm run nothing",
      "script/nowhere",
    ]);
  });
});
