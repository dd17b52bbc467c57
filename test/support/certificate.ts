// A certificate that nobody has signed but itself.
import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";

export const hasOpenssl = (): boolean => spawnSync("openssl", ["version"]).status === 0;

export interface Certified {
  readonly name?: string;
  readonly days?: number;
}

export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export function certify(directory: string, { name = "shop.example.com", days = 90 }: Certified = {}): Pair {
  const id = `${name}-${days}-${Math.random().toString(36).slice(2)}`;
  const pair = { certificate: join(directory, `${id}.pem`), key: join(directory, `${id}.key`) };
  const files = ["-keyout", pair.key, "-out", pair.certificate, "-days", String(days)];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`];
  execFileSync("openssl", ["req", "-x509", ...key, ...files, ...subject], { stdio: "ignore" });
  return pair;
}
