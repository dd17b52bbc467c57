import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import type { Survey } from "./deps.ts";
import { surveyOf } from "./dump.ts";

/** Where distributions put nginx, which is not on everybody's PATH. */
const USUAL = ["/usr/sbin", "/usr/local/sbin", "/usr/local/nginx/sbin"];
const PATIENCE_MS = 5000;

function nginxBinary(): string | null {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), ...USUAL];
  return directories.map((directory) => join(directory, "nginx")).find((path) => existsSync(path)) ?? null;
}

/** What nginx says of its own configuration; nothing when it cannot be asked, for `init` works without. */
function dumpOf(binary: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { timeout: PATIENCE_MS, maxBuffer: 16_000_000 };
    execFile(binary, ["-T", "-q"], options, (_error, stdout) => resolve(stdout));
  });
}

/** Looks at this machine's nginx for `init`; changes nothing. */
export async function surveyMachine(): Promise<Survey | null> {
  const binary = nginxBinary();
  return binary === null ? null : surveyOf(binary, await dumpOf(binary));
}
