import { parse } from "yaml";

/** What is known when a file is written for somebody. */
export interface Answers {
  readonly app: string;
  readonly url: string;
  readonly root: string;
  readonly ports: readonly number[];
  /** Existing directories to adopt, by port. */
  readonly dirs?: ReadonlyMap<number, string>;
  /** Further machines with slots of the same application; nginx is on the first host alone. */
  readonly others?: readonly { readonly address: string; readonly ports: readonly number[] }[];
  /** null: only files, nothing to start. */
  readonly command: string | null;
  /** Keys of `run` and their values, where it is not Glidepath that runs the command. */
  readonly run?: readonly (readonly [key: string, value: string])[];
  /** Default: server. */
  readonly mode?: "upstream";
  readonly connectTimeout?: string;
  readonly readTimeout?: string;
  /** A path that answers 2xx or 3xx when the application is healthy; empty: the port takes connections. */
  readonly health: string;
  readonly listen: readonly string[];
  readonly config: string;
  readonly main: string;
  readonly nginx: string;
  /** Default: local. */
  readonly address?: string;
  readonly name?: string;
  readonly user?: string;
  readonly serverName?: readonly string[];
  readonly state?: string;
  readonly log?: string;
}

/** A commented glidepath.yaml. parseApplication takes it, when the answers are good. */
export function writeFile(answers: Answers): string {
  const parts = [head(answers), pool(answers), run(answers), health(answers.health), gateway(answers)];
  return [...parts, ROLLOUT].map((lines) => lines.join("\n")).join("\n\n") + "\n";
}

/** The file for an application that many people would recognise as theirs. */
export const writeExample = (): string =>
  writeFile({
    app: "shop",
    url: "https://version.example.com/shop/shop-{release}.tar.gz",
    name: "web1",
    root: "/srv/shop",
    ports: [8001, 8002],
    command: "node server.js",
    user: "shop",
    health: "/healthz",
    listen: ["80"],
    serverName: ["shop.example.com"],
    config: "/etc/nginx/conf.d/shop.conf",
    main: "/etc/nginx/nginx.conf",
    nginx: "nginx",
  });

type Lines = readonly string[];

const head = ({ app, url }: Answers): Lines => [
  "# What Glidepath releases, where, and how. `glidepath check` tells whether it can.",
  line("app", app, "names files and upstreams"),
  "",
  "artifact:",
  `  ${line("url", url, "{release} is the release's name; also a path")}`,
  "  # sha256: where the digest is read, or --sha256 HEX on the command line",
  "  keep: 5 # releases kept on each host",
];

const pool = ({ address = "local", name, root, ports, dirs, others = [] }: Answers): Lines => [
  "hosts:",
  ...(name === undefined
    ? [`  - ${line("address", address)}`]
    : [`  - ${line("name", name)}`, `    ${line("address", address)}`]),
  `    ${line("root", root, "releases/ and slots/ below it are Glidepath's; shared/ is yours")}`,
  ...slots(ports, dirs).map((text) => `    ${text}`),
  ...others.flatMap((other) => [
    `  - ${line("address", other.address, "or user@address, or a Host of ssh_config")}`,
    `    ${line("root", root)}`,
    `    slots: [${other.ports.join(", ")}] # or {port, dir}, to adopt what is there`,
  ]),
  "# shared: [uploads, .env] # linked from root/shared into every release",
];

function slots(ports: readonly number[], dirs: Answers["dirs"]): Lines {
  const note = "two at least, so that one can serve while the other is updated";
  if (dirs === undefined) return [`slots: [${ports.join(", ")}] # ports; ${note}`];
  const adopted = ports.map((port) => {
    const dir = dirs.get(port);
    return dir === undefined ? `  - ${port}` : `  - { port: ${port}, dir: ${inList(dir)} }`;
  });
  return [`slots: # what is in dir now is kept as the release "adopted"; ${note}`, ...adopted];
}

const ownRun = (keys: NonNullable<Answers["run"]>, user: string | undefined): Lines => [
  "run: # how it runs now; look at each line",
  ...keys.map(([key, value]) => `  ${line(key, value)}`),
  ...(user === undefined ? [] : [`  ${line("user", user)}`]),
];

const run = ({ command, user, run: own }: Answers): Lines =>
  own !== undefined
    ? ownRun(own, user)
    : command === null
      ? ["run:", "  static: true # only files: there is nothing to start"]
      : [
          "run: # or your own start:, stop: and status:",
          `  ${line("command", command, "in the slot's directory, PORT set, supervised")}`,
          user === undefined ? "  # user: by default the user that Glidepath is" : `  ${line("user", user)}`,
          "  stop: { signal: SIGTERM, timeout: 30s }",
        ];

const health = (path: string): Lines => [
  "health:",
  path === ""
    ? "  tcp: true # better: http: /healthz"
    : `  ${line("http", path, "2xx or 3xx is healthy; or tcp: true, or exec: ./check.sh {port}")}`,
  "  every: 500ms",
  "  timeout: 2s",
  "  within: 60s # a slot that is not healthy by then ends the rollout",
  "",
  "# warm: # asked of a healthy slot before its smoke checks and before anybody sees it",
  "#   - { http: /, times: 20 }",
  "",
  "# smoke: # against an updated slot directly, before it gets traffic; all must pass",
  "#   - { http: /login, status: 200, contains: Sign in }",
  "#   - { run: ./smoke.sh, timeout: 60s } # here; GLIDEPATH_URL, _RELEASE, _HOST, _PORT are set",
];

function gateway(answers: Answers): Lines {
  const { listen, serverName = [], config, main, nginx, state, log, mode } = answers;
  const { connectTimeout = "1s", readTimeout = "60s", others = [] } = answers;
  const paths = Object.entries({ config, main, nginx, state, log }).flatMap(([key, value]) =>
    value === undefined ? [] : [`  ${line(key, value, PATH_NOTES[key])}`],
  );
  return [
    "gateway: # nginx, on every host unless hosts: names some",
    ...(others.length === 0 ? [] : ["  hosts: [local]"]),
    ...(mode === undefined
      ? [`  listen: [${listen.map(inList).join(", ")}] # a port, or "address:port"`]
      : [`  ${line("mode", mode, "your own server block and location stay; they include what is written")}`]),
    ...(serverName.length > 0 && mode === undefined
      ? [`  serverName: [${serverName.map(inList).join(", ")}]`]
      : []),
    ...paths,
    `  connectTimeout: ${connectTimeout} # then another slot is asked`,
    `  readTimeout: ${readTimeout} # the longest request of the application`,
  ];
}

const PATH_NOTES: Readonly<Record<string, string>> = {
  config: "the one file that Glidepath owns in nginx",
  state: "the switch; nginx's user must be able to read it",
  log: "read for the receipt",
};

const ROLLOUT: Lines = [
  "rollout:",
  "  split: users # a share of users, each of whom stays where they are; or servers",
  "  key: auto # a cookie that the gateway issues; or cookie:NAME, header:NAME, arg:NAME, address",
  "  steps: # a smooth release; for a gray one put shares before it:",
  "    # - { share: 5%, bake: 10m }",
  "    # - { share: 25%, bake: 10m, approve: true }",
  "    - { share: 100% }",
  "  maxUnavailable: 1 # slots out of rotation at once, or a percentage",
  "  maxLoad: 2.0 # going back: at most this times the even load per slot",
  "  drain: 30s # for requests in flight",
  "  progressDeadline: 10m",
  "  onHostLost: wait # for a host that is silent; or exclude: go on without it; or abort: go back",
  "  hostLostAfter: 30s",
  "",
  "# hooks: { beforeRelease: ./migrate.sh, afterRelease: ./notify.sh, onAbort: ./notify.sh }",
  "state: .glidepath # beside this file",
];

/** `key: value # note`, the value in quotes where YAML would take it for something else. */
function line(key: string, value: string, note?: string): string {
  return `${key}: ${scalar(value)}${note === undefined ? "" : ` # ${note}`}`;
}

/** Written plainly only if it is read back as the same text. */
function scalar(value: string): string {
  return /^[\w./][\w ./@{}:=-]*$/.test(value) && readBack(`a: ${value} # b`) === value
    ? value
    : JSON.stringify(value);
}

function inList(value: string): string {
  const plain = /^\d+$/.test(value) || (/^[A-Za-z][\w.-]*$/.test(value) && readBack(`a: ${value}`) === value);
  return plain ? value : JSON.stringify(value);
}

function readBack(yaml: string): unknown {
  try {
    return (parse(yaml) as { readonly a: unknown }).a;
  } catch {
    return null;
  }
}
