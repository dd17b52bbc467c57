// Which files the repository has; what lies there, when this is no git checkout.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const TOP = fileURLToPath(new URL("../..", import.meta.url));
const NOT_OURS = /(^|\/)(node_modules|\.tools|\.git|dist|coverage)\//;

export const committedFiles = (): readonly string[] => gitFiles(["--cached"]);

/** With what is not committed yet. */
const presentFiles = (): readonly string[] => gitFiles(["--cached", "--others", "--exclude-standard"]);

function gitFiles(which: readonly string[]): readonly string[] {
  if (!existsSync(`${TOP}.git`)) return everyFile().filter((path) => !NOT_OURS.test(path));
  const args = ["-C", TOP, "ls-files", "-z", ...which];
  const listed = execFileSync("git", args, { encoding: "utf8" }).split("\0");
  return listed.filter((path) => path !== "" && existsSync(TOP + path));
}

function everyFile(): readonly string[] {
  return readdirSync(TOP, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(TOP.length).replace(/^\//, ""));
}

export const readText = (path: string): string => readFileSync(TOP + path, "utf8");

/** Our TypeScript, without data for tests. */
export const typescriptFiles = (): ReadonlyMap<string, string> =>
  new Map(
    presentFiles()
      .filter((path) => /^(src|test|script)\/.*\.ts$/.test(path) && !path.includes("/fixtures/"))
      .map((path) => [path, readText(path)]),
  );
