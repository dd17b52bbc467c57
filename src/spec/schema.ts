import * as z from "zod";
import { minutes } from "../base/time.ts";
import { analysis } from "./schema-analysis.ts";
import { probe } from "./schema-probe.ts";
import { gateway, rollout } from "./schema-traffic.ts";
import {
  command,
  duration,
  list,
  mapping,
  onlyTrue,
  oneOf,
  port,
  SIGNALS,
  size,
  text,
  whole,
  wrong,
} from "./fields.ts";
import * as grammar from "./grammar.ts";

/**
 * Every key of the file, once: what it takes, its default, its description. The parser, the JSON Schema and
 * the reference come from here. Rules over several keys are in rules/.
 */
const artifact = mapping(
  {
    url: text(grammar.ARTIFACT).describe(
      "Where a release is fetched from; {release} is substituted. http:, https:, file: or a path; " +
        ".tar .tar.gz .tgz .tar.zst .zip.",
    ),
    sha256: text(grammar.DIGEST)
      .optional()
      .describe("Where the SHA-256 of a release is read; {release} is substituted. Or --sha256 HEX."),
    keep: whole("a number of releases", 1, 1000)
      .prefault(5)
      .describe("Releases kept on each host. The stable one and those in use are kept besides."),
    maxBytes: size().prefault("4GiB").describe("Most bytes that a release may unpack to, such as 2GB."),
    maxEntries: whole("a number of entries", 1, 10_000_000)
      .prefault(200_000)
      .describe("Most files, directories and links in a release."),
  },
  "a mapping with url",
);

const slot = z.union(
  [
    port(),
    mapping(
      {
        port: port().describe("The port on which the slot's release listens."),
        dir: text(grammar.ABSOLUTE_PATH)
          .optional()
          .describe("An existing directory to adopt as the slot. Default: root/slots/PORT."),
      },
      "a port, or {port, dir}",
    ),
  ],
  { error: wrong("a port, or {port, dir}") },
);

const host = mapping(
  {
    name: text(grammar.HOST_NAME)
      .optional()
      .describe("The host's name in everything that Glidepath says. Default: the address without user@."),
    address: text(grammar.ADDRESS).describe("local, user@address, or a Host of ssh_config."),
    serves: text(grammar.IP)
      .optional()
      .describe(
        "The IP address at which gateways reach the slots. Default: 127.0.0.1 where every gateway is on " +
          "this machine, else the address, or its HostName in ssh_config, where that is an IP address.",
      ),
    root: text(grammar.ABSOLUTE_PATH)
      .optional()
      .describe(
        "Glidepath owns releases/ and slots/ below it; shared/ is yours. Required for a host with slots.",
      ),
    slots: list(slot, "ports, or of {port, dir}").describe(
      "The places that run a release: ports, or {port, dir} to adopt an existing directory; [] for a host " +
        "that only has a gateway.",
    ),
    labels: z
      .record(text(grammar.LABEL), text(grammar.LABEL), { error: wrong("a mapping such as {zone: a}") })
      .prefault({})
      .describe("What a step's servers may name the host by, such as zone: a."),
  },
  "a mapping with address, root and slots",
);

const stopPolicy = mapping(
  {
    command: command().optional().describe("With run.start: the command that stops a slot."),
    signal: oneOf([...SIGNALS, "SIGKILL"])
      .prefault("SIGTERM")
      .describe("The signal that asks the process to end."),
    timeout: duration().prefault("30s").describe("How long it may take to end before it is killed."),
  },
  "a mapping such as {signal: SIGTERM, timeout: 30s}",
);

const run = mapping(
  {
    command: command()
      .optional()
      .describe(
        "Glidepath runs this in the slot's directory with PORT set, supervises it and keeps its log.",
      ),
    systemd: text(grammar.UNIT)
      .optional()
      .describe("An existing template unit, such as shop@{port}.service."),
    unit: z
      .literal("generate", { error: wrong("generate") })
      .optional()
      .describe("With command: generate a systemd unit that runs it."),
    start: command()
      .optional()
      .describe("Your own command that starts a slot; stop and status belong to it."),
    status: command().optional().describe("With start: exits 0 when the slot runs."),
    stop: z
      .union([command(), stopPolicy], { error: wrong("a command, or {signal, timeout}") })
      .optional()
      .describe("With start: the command that stops a slot. With command and systemd: {signal, timeout}."),
    static: onlyTrue().optional().describe("Only files: there is nothing to start."),
    reload: command().optional().describe("With static: run in the slot's directory after each switch."),
    env: z
      .record(text(grammar.ENV_NAME), text(grammar.ENV_VALUE), { error: wrong("a mapping of variables") })
      .prefault({})
      .describe("Environment variables of the release."),
    user: text(grammar.USER_NAME)
      .optional()
      .describe(
        "Who runs it. Default: the user that Glidepath is there; with unit, one that systemd makes up.",
      ),
  },
  "a mapping with one of command, systemd, start, static",
);

const status = () => whole("an HTTP status", 100, 599).optional();

const health = mapping(
  {
    http: text(grammar.HTTP_PATH).optional().describe("A GET of this path must be answered with 2xx or 3xx."),
    tcp: onlyTrue().optional().describe("The port must take connections. The default."),
    exec: command().optional().describe("Run on the host in the slot's directory; must exit 0."),
    status: status().describe("With http: exactly this status."),
    contains: text(grammar.PHRASE).optional().describe("With http: the answer must contain this text."),
    host: text(grammar.HTTP_HOST).optional().describe("With http: the Host header that is sent."),
    every: duration().prefault("500ms").describe("How often a slot is asked while it starts."),
    timeout: duration().prefault("2s").describe("How long one answer may take."),
    within: duration().prefault("60s").describe("How long a started slot may take to become healthy."),
  },
  "a mapping with one of http, tcp, exec",
);

const ASSETS = "paths such as [/static/], or a mapping of paths and for";
const assetDirs = list(text(grammar.ASSET_PATH), "paths", { least: 1 });
const assets = mapping(
  {
    paths: assetDirs.describe("Directories of the release, such as /static/."),
    for: duration(minutes(1))
      .prefault("24h")
      .describe("How long after a release was last in a slot its files still come into new ones."),
  },
  ASSETS,
);

const warm = mapping(
  {
    http: text(grammar.HTTP_PATH)
      .optional()
      .describe("A path that is fetched from the slot directly. What fails is told, and fails nothing."),
    times: whole("a number of requests", 1, 10_000)
      .optional()
      .describe("With http: how often, one after the other. Default: 1."),
    run: command()
      .optional()
      .describe("A command on the controller, as in smoke. Another exit code than 0 fails the slot."),
    timeout: duration().prefault("60s").describe("How long all of it may take."),
  },
  "a mapping with http or run",
);

const smoke = mapping(
  {
    http: text(grammar.HTTP_PATH).optional().describe("A path that is fetched from the slot directly."),
    run: command()
      .optional()
      .describe(
        "A command on the controller, in the file's directory; must exit 0. " +
          "GLIDEPATH_URL, _RELEASE, _HOST, _PORT are set.",
      ),
    status: status().describe("With http: exactly this status. Default: any 2xx or 3xx."),
    contains: text(grammar.PHRASE).optional().describe("With http: the answer must contain this text."),
    timeout: duration().optional().describe("Default: 10s for http, 60s for run."),
  },
  "a mapping with http or run",
);

const hook = () => command(["release"]).optional();
const hooks = mapping(
  {
    beforeRelease: hook().describe("Unpacked everywhere, nothing touched yet. A failure ends the rollout."),
    beforeSlot: hook().describe("Before a slot leaves rotation to be updated. A failure goes back."),
    afterSlot: hook().describe("When an updated slot is in rotation. A failure is told."),
    beforeShift: hook().describe("Before a step moves traffic to the release. A failure goes back."),
    afterShift: hook().describe("When a step's share is there, before its bake. A failure is told."),
    afterRelease: hook().describe("When all runs the release. A failure is told."),
    onAbort: hook().describe(
      "When it has gone back, if a hook ran or a slot was touched. A failure is told.",
    ),
  },
  "a mapping of commands",
);

const ssh = mapping(
  {
    config: text(grammar.PATH).optional().describe("An ssh_config file to use besides the user's."),
  },
  "a mapping with config",
);

export const fileSchema = mapping(
  {
    app: text(grammar.APP_NAME).describe("The application's name: in files, upstreams and units."),
    artifact: artifact.describe("What a release is and where it comes from."),
    hosts: list(host, "hosts", { least: 1 }).describe("The machines, and the slots on each."),
    ssh: ssh.prefault({}).describe("How remote hosts are reached, besides the user's own ssh_config."),
    shared: list(text(grammar.SHARED_PATH), "paths")
      .prefault([])
      .describe("Files and directories of root/shared that are linked into every release."),
    assets: z
      .union([assetDirs, assets], { error: wrong(ASSETS) })
      .optional()
      .describe(
        "Directories of the release whose files pages ask for later: every slot has those of the releases " +
          "before and after it too, so that an old page's chunk is there.",
      ),
    run: run.describe("How a release is started and stopped: one of command, systemd, start, static."),
    health: health.prefault({}).describe("When a slot is healthy: one of http, tcp, exec."),
    warm: list(warm, "requests and commands")
      .prefault([])
      .describe("What warms up a healthy slot before it is checked and gets traffic, also on the way back."),
    smoke: list(smoke, "checks")
      .prefault([])
      .describe("Checks against an updated slot directly, before it gets traffic; all must pass."),
    gateway: gateway.prefault({}).describe("The nginx that spreads requests over the slots."),
    rollout: rollout.prefault({}).describe("How traffic moves from the stable release to the new one."),
    analysis: analysis
      .prefault({})
      .describe("How the new release is judged from its traffic; off: not at all."),
    probe: probe
      .prefault("off")
      .describe(
        "A small stream of requests of our own through every gateway during a rollout, for the receipt: " +
          "off, on, or what is asked for. Where it is off, release --probe asks for it.",
      ),
    hooks: hooks.prefault({}).describe("Commands on the controller, each run once, with GLIDEPATH_* set."),
    state: text(grammar.STATE)
      .prefault(".glidepath")
      .describe("Where rollouts are remembered: a directory (relative: beside the file)."),
  },
  "a mapping with app, artifact, hosts and run",
);

export type FileInput = z.input<typeof fileSchema>;
/** The file after the schema: defaults filled in, durations and shares read, nothing resolved yet. */
export type FileValue = z.output<typeof fileSchema>;
