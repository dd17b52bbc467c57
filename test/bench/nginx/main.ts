// The claims of docs/adr/0001 on the nginx of this machine, and on a newer one where there is one.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { nginxBinary } from "../../../src/demo/nginx.ts";
import { table } from "../../../src/demo/table.ts";
import { CLAIMS, type Claim } from "./claims.ts";
import { costs } from "./costs.ts";

export interface Measured {
  readonly nginx: string;
  readonly claims: readonly Claim[];
}

function versionOf(binary: string): string {
  const ran = spawnSync(binary, ["-v"], { encoding: "utf8" });
  return /nginx\/\S+/.exec(ran.stderr ?? "")?.[0] ?? `no nginx: ${binary}`;
}

async function measureHere(): Promise<Measured> {
  const nginx = versionOf(nginxBinary() ?? "nginx");
  const claims: Claim[] = [];
  const asked = new RegExp(process.env["GLIDEPATH_CLAIMS"] ?? "");
  for (const [name, measure] of [...CLAIMS, ["costs", costs] as const]) {
    if (!asked.test(name)) continue;
    process.stderr.write(`bench: ${nginx}: ${name}\n`);
    claims.push(...(await measure()));
  }
  return { nginx, claims };
}

/** What script/newer-nginx unpacks. */
const UNPACKED = join(import.meta.dirname, "..", "..", "..", ".tools", "newer", "usr", "sbin", "nginx");

/** GLIDEPATH_CLAIMS: a pattern, for some only. GLIDEPATH_NGINX_NEW: the path of a second nginx. */
export async function benchNginx(): Promise<readonly Measured[]> {
  const here = await measureHere();
  const newer = process.env["GLIDEPATH_NGINX_NEW"] ?? UNPACKED;
  if (!existsSync(newer)) {
    const why = `there is no ${newer}; script/newer-nginx gets one, or GLIDEPATH_NGINX_NEW names one`;
    process.stderr.write(`!! a newer nginx SKIPPED: ${why}\n`);
    return [here];
  }
  const path = process.env["PATH"];
  process.env["PATH"] = `${dirname(newer)}:${path ?? ""}`;
  try {
    return [here, await measureHere()];
  } finally {
    process.env["PATH"] = path;
  }
}

export function printNginx(all: readonly Measured[]): void {
  for (const { nginx, claims } of all) {
    const rows = claims.map(({ claim, said, measured, holds }) => [
      claim,
      said,
      measured,
      holds ? "yes" : "NO",
    ]);
    console.log(`\n${table([nginx, "said", "measured", "holds"], rows)}`);
  }
}
