import * as z from "zod";
import { millis, minutes, seconds } from "../base/time.ts";
import { ASK_METHODS } from "../model/drain.ts";
import {
  command,
  decimal,
  duration,
  list,
  mapping,
  oneOf,
  port,
  share,
  SIGNALS,
  size,
  text,
  truth,
  whole,
  wrong,
} from "./fields.ts";
import * as grammar from "./grammar.ts";

const listen = () =>
  list(
    z.union([port(), text(grammar.LISTEN)], { error: wrong(grammar.LISTEN.expected) }),
    'ports or "address:port"',
    { least: 1 },
  );

const plainListen = () =>
  list(
    z.union([port(), text(grammar.PLAIN_LISTEN)], { error: wrong(grammar.PLAIN_LISTEN.expected) }),
    'ports or "address:port"',
    { least: 1 },
  );

/** What may differ from one gateway to another, and its description. */
const perGateway = () => ({
  config: text(grammar.PATH)
    .optional()
    .describe("The one file that Glidepath owns in nginx. Default: /etc/nginx/conf.d/APP.conf."),
  main: text(grammar.PATH).optional().describe("nginx's main file. Default: /etc/nginx/nginx.conf."),
  nginx: text(grammar.BINARY).optional().describe("The nginx program. Default: nginx."),
  listen: listen()
    .optional()
    .describe(
      'Ports, or "address:port", each perhaps followed by ssl, http2 or both, as nginx takes them. ' +
        "Default: [80].",
    ),
  tls: mapping(
    {
      certificate: text(grammar.PATH).describe("PEM, with the chain that leads to it."),
      key: text(grammar.PATH).describe("Its private key; it is read by nginx alone."),
    },
    "a mapping with certificate and key",
  )
    .optional()
    .describe("Files on the gateway's host for what listens with ssl."),
  redirect: mapping(
    {
      listen: plainListen().prefault([80]).describe("Where plain HTTP is asked."),
      acme: text(grammar.PATH)
        .optional()
        .describe("Files below it answer /.well-known/acme-challenge/, for certificates. Default: none do."),
    },
    "a mapping such as {listen: [80]}",
  )
    .optional()
    .describe("Requests over plain HTTP that are led to the entry of listen that has ssl. Default: none."),
  http3: z
    .union([z.literal(true), z.literal("shared")], { error: wrong("true, or shared") })
    .optional()
    .describe(
      "true: entries of listen that have ssl take HTTP/3 (QUIC, UDP) too; nginx 1.25 or newer with " +
        "http_v3. shared: the same, where another server of that nginx takes it on these ports already.",
    ),
  state: text(grammar.PATH)
    .optional()
    .describe("The switch lives in state/APP; nginx's user must read it. Default: /var/lib/glidepath."),
  log: text(grammar.PATH)
    .optional()
    .describe("Our access log there. Default: /var/log/nginx/glidepath-APP.log."),
});

const gatewayHost = z.union(
  [
    text(grammar.HOST_NAME),
    mapping(
      { name: text(grammar.HOST_NAME).describe("One of the hosts."), ...perGateway() },
      "a mapping with name",
    ),
  ],
  { error: wrong("a host's name, or {name, config, …}") },
);

const KEEPALIVE = "a duration such as 500ms, or off";

export const gateway = mapping(
  {
    hosts: list(gatewayHost, "hosts", { least: 1 })
      .optional()
      .describe(
        "The hosts whose nginx is a gateway; an entry may differ from the others. Default: every host.",
      ),
    ...perGateway(),
    serverName: list(text(grammar.SERVER_NAME), "server names", { least: 1 })
      .prefault(["_"])
      .describe("The names under which the application is asked for; _ for any."),
    connectTimeout: duration()
      .prefault("1s")
      .describe("How long connecting to a slot may take before another one is asked."),
    readTimeout: duration()
      .prefault("60s")
      .describe("How long a slot may be silent: the longest request of the application."),
    protocol: oneOf(["http", "grpc"])
      .prefault("http")
      .describe("What the slots speak: http, WebSockets among it, or grpc (HTTP/2 without TLS)."),
    keepalive: z
      .union([duration(millis(1), minutes(60)), z.literal("off", { error: wrong(KEEPALIVE) })], {
        error: wrong(KEEPALIVE),
      })
      .optional()
      .describe(
        "How long nginx keeps an idle connection to a slot: shorter than the application does, as `check` " +
          "measures; off: not at all. Default: 1s.",
      ),
    maxBody: size()
      .optional()
      .describe("The largest body of a request, such as 100MB. Default: as nginx is configured, or 1 MiB."),
    mode: oneOf(["server", "upstream"])
      .prefault("server")
      .describe(
        "server: the whole server{} block is written. upstream: only what your own location includes.",
      ),
    releaseHeader: text(grammar.HEADER_NAME)
      .optional()
      .describe("A response header that says which release serves. Default: none."),
    realIp: mapping(
      {
        from: list(text(grammar.RULE_ADDRESS), "addresses and ranges", { least: 1 }).describe(
          "The proxies in front of nginx that are trusted.",
        ),
        header: text(grammar.HEADER_NAME)
          .prefault("X-Forwarded-For")
          .describe("The header in which they say the client's address."),
      },
      "a mapping with from",
    )
      .optional()
      .describe("Behind a proxy: whose word counts for the client's address. Default: nobody's."),
    passive: truth()
      .prefault(false)
      .describe("true: nginx's config is left alone, and its own failure detection is relied on."),
  },
  "a mapping",
);

const RULE_VALUES = "a value, or a list of values";
const RULE_RANGES = "an address or range, a list of them, or {in: FILE}";

const listFile = () =>
  text(grammar.PATH).describe("A file with one value a line; # begins a comment. It is read with this one.");

const rule = mapping(
  {
    header: text(grammar.HEADER_NAME).optional().describe("A request header, compared with is."),
    cookie: text(grammar.VARIABLE_NAME).optional().describe("A cookie, compared with is."),
    arg: text(grammar.VARIABLE_NAME).optional().describe("A query argument, compared with is."),
    address: z
      .union(
        [
          text(grammar.RULE_ADDRESS),
          list(text(grammar.RULE_ADDRESS), "ranges", { least: 1 }),
          mapping({ in: listFile() }, "a mapping with in"),
        ],
        { error: wrong(RULE_RANGES) },
      )
      .optional()
      .describe("The client's address, or a range, a list of these, or a file of them."),
    is: z
      .union([text(grammar.RULE_VALUE), list(text(grammar.RULE_VALUE), "values", { least: 1 })], {
        error: wrong(RULE_VALUES),
      })
      .optional()
      .describe("The value that matches, or a list of values; upper and lower case are one."),
    in: listFile().optional(),
    to: oneOf(["canary", "stable"]).describe("Where a request that matches goes."),
  },
  "a mapping such as {header: X-Canary, is: always, to: canary}",
);

const SERVERS = "a number of slots, a share of them such as 25%, or a list of hosts, slots and labels";

const step = mapping(
  {
    share: share()
      .optional()
      .describe(
        "The part of the traffic that the new release gets, such as 5% or 0.25%. " +
          "Default: that of its servers.",
      ),
    servers: z
      .union(
        [
          whole("a number of slots", 1, 100_000),
          share(SERVERS),
          list(text(grammar.SERVERS), "hosts, slots and labels", { least: 1 }),
        ],
        { error: wrong(SERVERS) },
      )
      .optional()
      .describe(
        "Slots that carry the new release by then: a number, a share of them, or a list of hosts, slots " +
          "(web1:8001) and labels (zone=a), with those of the steps before. Default: as the share needs.",
      ),
    mirror: share()
      .optional()
      .describe(
        "Of the GET and HEAD requests, the part of which the new release gets a copy, such as 10%, while " +
          "nobody sees its answers. The step's share is 0% then. Default: none.",
      ),
    bake: duration(millis(0)).prefault("0s").describe("How long the share must hold before the next step."),
    approve: truth().prefault(false).describe("true: somebody must approve before the next step."),
  },
  "a mapping with share, servers or mirror",
);

const DRAIN_OF_KIND = "a duration such as 30s, or a mapping such as {ask: {signal: SIGUSR1}, deadline: 30s}";

const ask = mapping(
  {
    signal: oneOf(SIGNALS).optional().describe("Sent to the application's process, not with run.start."),
    path: text(grammar.HTTP_PATH).optional().describe("Requested from the slot itself."),
    method: oneOf(ASK_METHODS).optional().describe("With path. Default: POST."),
    run: command()
      .optional()
      .describe("A command on the host, in the slot's directory, as the application's user."),
  },
  "a mapping with one of signal, path, run",
);

/** How long it is waited for; the application may be asked to end it. */
const drainKind = () =>
  z.union(
    [
      duration(millis(0)),
      mapping(
        {
          ask: ask.describe("How the application is told to send its clients elsewhere."),
          deadline: duration(millis(0))
            .prefault("30s")
            .describe("How long they may take to go. What then is left is cut."),
        },
        DRAIN_OF_KIND,
      ),
    ],
    { error: wrong(DRAIN_OF_KIND) },
  );

const DRAIN = "a duration such as 30s, or a mapping of kinds such as {requests: 30s, websockets: 5s}";
const drainTime = () => duration(millis(0));

const drainByKind = mapping(
  {
    requests: drainKind()
      .prefault("30s")
      .describe("All that is no other kind, and the kinds that are not here."),
    uploads: drainKind()
      .optional()
      .describe("Requests with a body of a megabyte or more, or in chunks. Default: as requests."),
    events: drainKind().optional().describe("Requests that accept text/event-stream. Default: as requests."),
    grpc: drainKind()
      .optional()
      .describe("Calls and streams of gRPC, whose content type is application/grpc. Default: as requests."),
    websockets: drainKind().optional().describe("Default: as requests."),
  },
  DRAIN,
);

const UNAVAILABLE = "a number of slots, or a share of them such as 25%";

export const rollout = mapping(
  {
    split: oneOf(["users", "servers"])
      .prefault("users")
      .describe("users: a share of users, who stay where they are. servers: a share of slots."),
    key: text(grammar.USER_KEY)
      .prefault("auto")
      .describe(
        "Who a user is: auto (a cookie that the gateway issues), a cookie, header, argument, or the address.",
      ),
    pin: duration(seconds(1), minutes(24 * 60))
      .optional()
      .describe(
        "A visitor stays with the release that answered him, told by a cookie, until he asks for nothing " +
          "for so long or no slot of it serves; a rule wins, and going back. Default: the share decides.",
      ),
    rules: list(rule, "rules")
      .prefault([])
      .describe("Requests that go to one release whatever the share; the first that matches counts."),
    steps: list(step, "steps", { least: 1 })
      .prefault([{ share: "100%" }])
      .describe("How the share widens; the last step is 100%."),
    maxUnavailable: z
      .union(
        [whole("a number of slots", 1, 100_000), share(UNAVAILABLE).transform((part) => ({ share: part }))],
        { error: wrong(UNAVAILABLE) },
      )
      .prefault(1)
      .describe("Slots that may be out of rotation at once: a number or a share, rounded down, at least 1."),
    maxLoad: decimal("a factor", 1, 100)
      .prefault(2)
      .describe("Going back: at most this times the even load per slot at once."),
    drain: z
      .union([drainTime(), drainByKind], { error: wrong(DRAIN) })
      .prefault("30s")
      .describe(
        "How long what is in flight may take to end when a slot leaves rotation, all of it, or by kind. " +
          "What then is left is cut, counted and told.",
      ),
    ramp: duration(millis(1), minutes(60))
      .optional()
      .describe(
        "How long the traffic of a slot that has joined takes to grow, also on the way back. " +
          "Default: it is there at once.",
      ),
    progressDeadline: duration()
      .prefault("10m")
      .describe("When nothing has moved for so long, the rollout goes back."),
    onHostLost: oneOf(["wait", "exclude", "abort"])
      .prefault("wait")
      .describe(
        "A host that cannot be asked for hostLostAfter, or has no room on its disk for a slot's update: " +
          "wait until it is back or progressDeadline is over; exclude: go on without it; " +
          "abort: go back without it.",
      ),
    hostLostAfter: duration()
      .prefault("30s")
      .describe("How long a host must be silent, or its disk full, until onHostLost speaks of it."),
  },
  "a mapping",
);
