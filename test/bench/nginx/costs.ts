// What each part of the config costs a request: the workers' processor time beside a plain proxy's, in turns,
// before a backend that does nothing.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { prepareNginx, startNginx, stopNginx, workerPids } from "../../../src/demo/nginx.ts";
import { freePort } from "../../../src/demo/ports.ts";
import { percentile } from "../../support/load.ts";
import { temporaryNginx } from "../../support/nginx.ts";
import { sample, type Path } from "../throughput.ts";
import type { Claim } from "./claims.ts";
import { HOP, linked, writeConf } from "./link.ts";

const ROUNDS = 4;
const SECONDS = 2;

interface Part {
  readonly claim: string;
  readonly said: string;
  /** Microseconds; more than that, and half as much again, is another matter. */
  readonly most: number;
  /** Inside the location; what it needs in the server. */
  readonly location: string;
  readonly server?: string;
}

const PLAIN = `proxy_pass http://plain; ${HOP}`;

function partsOf(directory: string, link: string): readonly Part[] {
  const { log, flag } = { log: join(directory, "logs", "claims.log"), flag: join(directory, "flags", "on") };
  return [
    {
      claim: "the whole: splits, maps, link",
      said: "+7 to +10 µs",
      most: 10,
      location: link,
    },
    {
      claim: "a variable upstream, map, split",
      said: "+1.9 µs",
      most: 1.9,
      location: `proxy_pass http://$chosen; ${HOP}`,
    },
    {
      claim: "one if (-f ...)",
      said: "+2.2 to +2.8 µs",
      most: 2.8,
      location: `if (-f ${flag}) { return 503; } ${PLAIN}`,
    },
    {
      claim: "a buffered log in JSON",
      said: "+2.6 µs",
      most: 2.6,
      location: `access_log ${log} json buffer=64k flush=1s; ${PLAIN}`,
    },
    { claim: "limit_conn", said: "+0.9 µs", most: 0.9, location: `limit_conn claims 10000; ${PLAIN}` },
    {
      claim: "auth_request",
      said: "+56 µs",
      most: 56,
      location: `auth_request /allowed; ${PLAIN}`,
      server: `location = /allowed { internal; ${PLAIN} }`,
    },
  ];
}

const JSON_LOG =
  'log_format json escape=json \'{"at":"$msec","took":"$request_time","status":"$status",' +
  '"to":"$upstream_addr","said":"$upstream_status","after":"$upstream_response_time"}\';\n';
const CHOICE =
  'split_clients "claims|$remote_port" $half { 50% 0; * 1; }\n' +
  "map $half $chosen { default plain; 1 plain; }\n";

export async function costs(): Promise<readonly Claim[]> {
  const temporary = temporaryNginx();
  const { nginx } = temporary;
  const backend = prepareNginx(join(nginx.directory, "backend"), { workers: 1 });
  const hello = await freePort();
  try {
    const answer = 'keepalive_requests 100000000; location / { return 200 "hello\\n"; }';
    writeConf(backend, `server { listen 127.0.0.1:${hello}; ${answer} }\n`);
    await startNginx(backend);
    const link = linked(nginx, hello, hello);
    link.use(link.build(525, { canary: "s0", stable: "s0" }));
    mkdirSync(join(nginx.directory, "flags"));
    const parts = partsOf(nginx.directory, link.location);
    const paths: Path[] = [];
    const open = async (inside: string, name: string, server = ""): Promise<string> => {
      const port = await freePort();
      paths.push({ name, port, pids: () => workerPids(nginx) });
      return `server { listen 127.0.0.1:${port}; location / { ${inside} } ${server} }\n`;
    };
    let servers = await open(PLAIN, "plain");
    for (const part of parts) servers += await open(part.location, part.claim, part.server);
    const plain = `upstream plain { server 127.0.0.1:${hello}; keepalive 64; }\n`;
    const zone = "limit_conn_zone $server_port zone=claims:1m;\n";
    writeConf(nginx, plain + link.http + JSON_LOG + CHOICE + zone + servers);
    await temporary.start();
    return await compare(parts, paths);
  } finally {
    await stopNginx(backend);
    await temporary.close();
  }
}

/** The difference to the plain one in each round; the median of them. */
async function compare(parts: readonly Part[], paths: readonly Path[]): Promise<readonly Claim[]> {
  const more: number[][] = parts.map(() => []);
  const plains: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const each: number[] = [];
    for (const path of paths)
      each.push((await sample(path, { cookie: "uid=1", seconds: SECONDS })).cpuUsPerRequest ?? 0);
    const [plain = 0, ...others] = each;
    plains.push(plain);
    for (const [at, cost] of others.entries()) more[at]?.push(cost - plain);
  }
  const beside = percentile(plains, 0.5).toFixed(1);
  return parts.map(({ claim, said, most }, at) => {
    const cost = percentile(more[at] ?? [], 0.5);
    return {
      claim: `processor time a request beside a plain proxy's ${beside} µs: ${claim}`,
      said,
      measured: `${cost < 0 ? "" : "+"}${cost.toFixed(1)} µs`,
      // Two of them are within what one cannot tell.
      holds: cost <= most * 1.5 + 2,
    };
  });
}
