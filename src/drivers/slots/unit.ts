import type { Application, CommandRun, GeneratedRun, Slot, StopPolicy } from "../../model/application.ts";
import { launchLine, signalled } from "./command.ts";
import { hostOf, stateDir } from "./layout.ts";

/** What systemd is to know of a slot: the text of a file below /etc/systemd/system. */
export interface UnitFile {
  /** `glidepath-shop-8001.service`, or `shop@8001.service.d/50-glidepath.conf`. */
  readonly path: string;
  readonly text: string;
}

const NO_UNIT = "";

/** The unit that runs the slot; empty where systemd has no part in it. */
export function unitNameOf({ name, run }: Application, { port }: Slot): string {
  if (run.kind === "unit") return run.unit.replaceAll("{port}", String(port));
  return run.kind === "command" || run.kind === "generated" ? `glidepath-${name}-${port}.service` : NO_UNIT;
}

const UNPRINTABLE = /[\p{Cc}\p{Noncharacter_Code_Point}]/gu;
const bytes = (text: string): string =>
  [...new TextEncoder().encode(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");

/** A word as systemd reads it back, exactly. */
const word = (text: string): string =>
  `"${text.replaceAll(/["\\]/g, "\\$&").replaceAll("%", "%%").replaceAll(UNPRINTABLE, bytes)}"`;

/** A word of a command line, where systemd would replace variables too. */
const argument = (text: string): string => word(text).replaceAll("$", "$$$$");

/** The value of a setting that takes the rest of its line as it is. */
const rest = (text: string): string => text.replaceAll("%", "%%");

/** NAME=VALUE as an EnvironmentFile has it. */
export const environmentLine = (pair: string): string => {
  const at = pair.indexOf("=");
  return `${pair.slice(0, at)}="${pair.slice(at + 1).replaceAll(/["\\`$]/g, "\\$&")}"`;
};

interface Place {
  readonly application: Application;
  readonly slot: Slot;
}

const stateOf = ({ application, slot }: Place): string => stateDir(hostOf(application, slot.host).root, slot);

const OURS = [
  "# Written by Glidepath, and written anew at the slot's next start. To change it, add a drop-in:",
  "# systemctl edit UNIT",
];

/** SIGWINCH does not end a shell. */
const stopLines = ({ signal, timeout }: StopPolicy): readonly string[] => [
  `KillSignal=${signal}`,
  `TimeoutStopSec=${timeout}ms`,
];

function head(place: Place, description: string): readonly string[] {
  const { application, slot } = place;
  const { root } = hostOf(application, slot.host);
  return [
    ...OURS.map((line) => line.replace("UNIT", unitNameOf(application, slot))),
    "[Unit]",
    `Description=${application.name} on port ${slot.port}, ${description}`,
    "Wants=network-online.target",
    "After=network-online.target",
    `RequiresMountsFor=${word(root)} ${word(slot.dir)}`,
  ];
}

const INSTALL = ["", "[Install]", "WantedBy=multi-user.target"];

/** Starts the supervisor that Glidepath wrote there, as a start by hand does. */
export function supervisorUnit(place: Place, run: CommandRun): UnitFile {
  const stop = run.stop.signal === "SIGWINCH" ? { ...run.stop, signal: "SIGTERM" } : run.stop;
  const lines = [
    ...head(place, "kept by Glidepath's supervisor"),
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    `ExecStart=/bin/sh ${argument(`${stateOf(place)}/launch`)}`,
    "Restart=on-failure",
    "RestartSec=1",
    ...stopLines(stop),
    ...INSTALL,
  ];
  return { path: unitNameOf(place.application, place.slot), text: lines.join("\n") };
}

/** A slot that Glidepath stopped is started by nobody else, whatever wants it at boot. */
const onlyIfMeant = (place: Place): string =>
  `ExecCondition=+/bin/grep -qx up ${argument(`${stateOf(place)}/intent`)}`;

/** What an application that serves requests has no need of. */
const HARDENED = [
  "NoNewPrivileges=yes",
  "ProtectSystem=strict",
  "ProtectHome=read-only",
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "ProtectKernelLogs=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelTunables=yes",
  "ProtectControlGroups=yes",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "LockPersonality=yes",
  "RemoveIPC=yes",
  "LimitNOFILE=65536",
  "TasksMax=4096",
];

const FIRST_FREE_PORT = 1024;

/** The only right that it may have: to listen where only root may. */
const capabilities = (port: number): readonly string[] =>
  port < FIRST_FREE_PORT
    ? ["AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE"]
    : ["CapabilityBoundingSet="];

/** Runs the application itself, as a user of its own. */
export function generatedUnit(place: Place, run: GeneratedRun): UnitFile {
  const { application, slot } = place;
  const lines = [
    ...head(place, "released by Glidepath"),
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=exec",
    onlyIfMeant(place),
    `ExecStart=/bin/sh -c ${argument(launchLine(run.command))}`,
    `WorkingDirectory=${rest(slot.dir)}`,
    `EnvironmentFile=${rest(`${stateOf(place)}/environment`)}`,
    run.user === null ? "DynamicUser=yes" : `User=${run.user}`,
    "Restart=always",
    "RestartSec=1",
    `KillMode=${signalled(run.command) === "one" ? "mixed" : "control-group"}`,
    ...stopLines(run.stop),
    `SyslogIdentifier=${application.name}-${slot.port}`,
    ...(run.user === "root" ? [] : capabilities(slot.port)),
    ...HARDENED,
    `ReadWritePaths=${word(hostOf(application, slot.host).root)}`,
    ...INSTALL,
  ];
  return { path: unitNameOf(application, slot), text: lines.join("\n") };
}

/** What a unit of the user's own has to know besides: where the release is, its variables, whether it may. */
export function dropIn(place: Place, stop: StopPolicy | null): UnitFile {
  const { application, slot } = place;
  const state = stateOf(place);
  const lines = [
    "# Written by Glidepath, and written anew at the slot's next start.",
    "[Unit]",
    `RequiresMountsFor=${word(hostOf(application, slot.host).root)} ${word(slot.dir)}`,
    "",
    "[Service]",
    onlyIfMeant(place),
    `WorkingDirectory=${rest(slot.dir)}`,
    `EnvironmentFile=${rest(`${state}/environment`)}`,
    ...(stop === null ? [] : stopLines(stop)),
  ];
  return { path: `${unitNameOf(application, slot)}.d/50-glidepath.conf`, text: lines.join("\n") };
}
