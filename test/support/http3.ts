// HTTP/3 as somebody from outside uses it: an nginx that has it, and a curl that speaks it.
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { nginxBinary } from "../../src/demo/nginx.ts";
import { lackIn } from "../../src/drivers/nginx/http3.ts";
import { hasOpenssl } from "./certificate.ts";

/** What script/newer-nginx unpacks. */
const NEWER = join(import.meta.dirname, "..", "..", ".tools", "newer");

const said = (binary: string, option: string): string => {
  const { stdout, stderr } = spawnSync(binary, [option], { encoding: "utf8" });
  return `${stdout ?? ""}${stderr ?? ""}`;
};

const servesHttp3 = (binary: string): boolean => lackIn(said(binary, "-V")) === null;
const speaksHttp3 = (binary: string): boolean => said(binary, "--version").includes("HTTP3");

export interface Http3 {
  readonly nginx: string;
  readonly curl: string;
}

/** The machine's own where they can, else the newer ones; null: says so, loudly. */
export function http3Here(what: string): Http3 | null {
  const nginx = [nginxBinary() ?? "nginx", join(NEWER, "usr", "sbin", "nginx")].find(servesHttp3);
  const curl = ["curl", join(NEWER, "bin", "curl")].find(speaksHttp3);
  if (nginx !== undefined && curl !== undefined && hasOpenssl()) return { nginx, curl };
  const lacks = [
    ...(nginx === undefined ? ["no nginx here has HTTP/3"] : []),
    ...(curl === undefined ? ["no curl here speaks it"] : []),
    ...(hasOpenssl() ? [] : ["there is no openssl"]),
  ];
  console.error(`\n!! ${what} SKIPPED: ${lacks.join(", ")}; script/newer-nginx gets the first two\n`);
  return null;
}

export interface Curl {
  readonly binary: string;
  readonly port: number;
  /** What it trusts. */
  readonly certificate: string;
}

/** `https://shop.example.com:PORT/PATH` on loopback; what it wrote. An exit code says nothing: `-w` does. */
export function curl({ binary, port, certificate }: Curl, path: string, ...more: string[]): Promise<string> {
  const name = "shop.example.com";
  const to = ["--resolve", `${name}:${port}:127.0.0.1`, "--cacert", certificate, "--max-time", "60"];
  const args = ["--silent", "--show-error", ...to, ...more, `https://${name}:${port}${path}`];
  return new Promise((resolve) => {
    execFile(binary, args, { maxBuffer: 1e8 }, (_error, out, problems) => resolve(out + problems));
  });
}

export interface Http3Load {
  /** `200 3 v1`: status, version, release; and how many. What failed has curl's own words instead. */
  readonly answers: ReadonlyMap<string, number>;
}

const TOLD = "%{http_code} %{http_version} %header{x-release} %{errormsg}\n";
/** Some connections live for a second, some longer than a release; each lane has one at a time. */
const LANES: readonly { readonly path: string; readonly args: readonly string[] }[] = [
  { path: "/?n=[1-20]", args: ["--rate", "20/s"] },
  { path: "/?n=[1-150]", args: ["--rate", "30/s"] },
  { path: "/echo?n=[1-40]", args: ["--rate", "20/s", "--data", "one"] },
  { path: "/?ms=1200&n=[1-5]", args: [] },
];

/** Each connection is a user. Goes on until it is stopped; what is under way then comes to its end. */
export function startHttp3Load(target: Curl): { stop(): Promise<Http3Load> } {
  const stopping = new AbortController();
  const answers = new Map<string, number>();
  let users = 0;
  const lane = async ({ path, args }: (typeof LANES)[number]): Promise<void> => {
    while (!stopping.signal.aborted) {
      const user = ["--user-agent", `user ${users++}`];
      const more = ["--http3-only", "--output", "/dev/null", "--write-out", TOLD, ...user];
      const written = await curl(target, path, ...more, ...args);
      for (const line of written.trim().split("\n"))
        answers.set(line.trim(), (answers.get(line.trim()) ?? 0) + 1);
    }
  };
  const all = LANES.map(lane);
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(all);
      return { answers };
    },
  };
}
