import { TRAFFIC_KINDS, type TrafficKind } from "../../model/drain.ts";

type Told = Exclude<TrafficKind, "requests">;

/** By which of its own variables a request is told to be of a kind, and what is in it then. */
const HEADS: Readonly<Record<Told, readonly (readonly [variable: string, value: string])[]>> = {
  uploads: [
    ["$http_transfer_encoding", '"~."'],
    ["$content_length", '"~^[1-9][0-9]{6,}$"'],
  ],
  events: [["$http_accept", '"~*text/event-stream"']],
  grpc: [["$http_content_type", '"~*^application/grpc(?:[+;]|$)"']],
  websockets: [["$http_upgrade", "websocket"]],
};

/** What the log says of a request whose answer does not tell its kind. */
const logged = (v: string): readonly (readonly [Told, string])[] => [
  ["uploads", "uploads"],
  ["events", "asked"],
  ["grpc", `$${v}_call`],
];

/**
 * Where requests are counted by kind. It is named anew when kinds are told in another way: what began under
 * an older config is then of no kind, and is waited for the longest.
 */
export const kindZone = (v: string): string => `${v}_flows`;

const isTold = (kind: TrafficKind): kind is Told => kind !== "requests";
const TOLD = TRAFFIC_KINDS.filter(isTold);

const map = (source: string, target: string, lines: readonly string[]): readonly string[] => [
  `map ${source} $${target} {`,
  ...lines.map((line) => `    ${line}`),
  "}",
];

/** From a request's head to its kind. A chain: what one head does not tell the one before does. */
export function kindMaps(v: string): readonly string[] {
  const steps = TOLD.flatMap((kind) => HEADS[kind].map((head) => ({ kind, head })));
  const chain = steps.flatMap(({ kind, head: [variable, value] }, i) =>
    map(variable, `${v}_head${i + 1}`, [
      `default ${i === 0 ? "requests" : `$${v}_head${i}`};`,
      `${value} ${kind};`,
    ]),
  );
  const asked = `$${v}_head${steps.length}`;
  return [
    ...chain,
    "# What the control server is asked about; of a request of anybody's this tells its kind at most.",
    ...map("$uri", `${v}_flow`, [
      `default ${asked};`,
      `"~^/\\.glidepath/busy/[a-z0-9_]+/(${TRAFFIC_KINDS.join("|")})$" $1;`,
    ]),
    "# A call has ended when it has a status; 14 is what a server says of those that it breaks off.",
    ...map('"$upstream_http_grpc_status$upstream_trailer_grpc_status"', `${v}_call`, [
      "default grpc;",
      '"~^(?!14$)[0-9]+$" ended;',
    ]),
    ...map(asked, `${v}_own`, ['default "";', ...logged(v).map(([kind, word]) => `${kind} ${word};`)]),
  ];
}
