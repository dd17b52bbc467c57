import { seconds, type Duration } from "../base/time.ts";
import { poolOf, type Application } from "../model/application.ts";
import type { SlotKey } from "../model/ids.ts";
import type { Adoption, FoundProcess, FoundSlot } from "../ports/adopt.ts";
import type { Answers } from "../spec/example.ts";
import { nameFrom } from "./survey.ts";

/** What is known of the adopted application beyond what was found. */
export interface Told {
  readonly app: string | null;
  readonly url: string | null;
  readonly root: string | null;
  readonly state: string | null;
}

/** The file for an application that runs already, from what was found. */
export function answersFor(adoption: Adoption, told: Told): Answers {
  const app = told.app ?? nameFrom(adoption.upstream);
  const root = told.root ?? `/srv/${app}`;
  const known = adoption.slots.flatMap(({ process, port }) => (process === null ? [] : [{ process, port }]));
  const user = known[0]?.process.user;
  const { connectTimeout, readTimeout } = adoption;
  return {
    app,
    url: told.url ?? `https://downloads.example.com/${app}/${app}-{release}.tar.gz`,
    root,
    ports: adoption.slots.filter(isLocal).map(({ port }) => port),
    others: otherHosts(adoption.slots),
    dirs: new Map(known.map(({ port, process }) => [port, process.directory])),
    command: null,
    run: runOf(known, root),
    ...(user === undefined || user === "root" ? {} : { user }),
    health: "",
    listen: [],
    mode: "upstream",
    // The first of its directory: nginx must know our log format before the site uses it.
    config: `${adoption.confDir}/00-glidepath-${app}.conf`,
    main: adoption.nginx.main,
    nginx: adoption.nginx.binary,
    connectTimeout: inFile(connectTimeout ?? seconds(1)),
    readTimeout: inFile(readTimeout ?? seconds(60)),
    ...(told.state === null ? {} : { state: told.state }),
  };
}

const inFile = (duration: Duration): string =>
  duration % 1000 === 0 ? `${duration / 1000}s` : `${duration}ms`;

const isLocal = ({ address }: FoundSlot): boolean => address === "local";

function otherHosts(slots: readonly FoundSlot[]): NonNullable<Answers["others"]> {
  const far = slots.filter((slot) => !isLocal(slot));
  return [...new Set(far.map(({ address }) => address))].map((address) => ({
    address,
    ports: far.filter((slot) => slot.address === address).map(({ port }) => port),
  }));
}

interface Known {
  readonly port: number;
  readonly process: FoundProcess;
}

type Run = NonNullable<Answers["run"]>;

/** How the slots are started and stopped now: by systemd, or as whoever started them typed it. */
function runOf(known: readonly Known[], root: string): Run {
  const units = known.map(({ process, port }) => ({ port, unit: process.unit }));
  const template = templateOf(units.map(({ port, unit }) => unit?.replace(String(port), "{port}") ?? null));
  if (template?.includes("@{port}.service") === true) return [["systemd", template]];
  if (units.length > 0 && units.every(({ unit }) => unit !== null)) {
    return byUnits(units.map(({ port, unit }) => [port, unit ?? ""] as const));
  }
  return byCommand(known, root);
}

const templateOf = (all: readonly (string | null)[]): string | null =>
  all.length > 0 && all.every((each) => each === all[0]) ? (all[0] ?? null) : null;

/** Units whose names do not tell the port: one row each. */
function byUnits(units: readonly (readonly [number, string])[]): Run {
  const rows = units.map(([port, unit]) => `${port}) systemctl "$1" ${quoted(unit)} ;;`).join(" ");
  const call = (verb: string): string => `set -- ${verb}; case {port} in ${rows} esac`;
  return [
    ["start", call("start")],
    ["stop", call("stop")],
    ["status", call("is-active")],
  ];
}

const LISTENING = 'ss -ltnHp "sport = :{port}"';

function byCommand(known: readonly Known[], root: string): Run {
  const lines = known.map(commandOf);
  const line = lines.every((each) => each === lines[0]) ? lines[0] : undefined;
  const pids = `${LISTENING} | grep -o "pid=[0-9]*" | cut -d= -f2 | sort -u`;
  return [
    ["start", `setsid ${line ?? "./start.sh"} </dev/null >>${quoted(root)}/adopted-{port}.log 2>&1 &`],
    ["stop", `kill -TERM $(${pids}); while ${LISTENING} | grep -q .; do sleep 0.1; done`],
    ["status", `${LISTENING} | grep -q .`],
  ];
}

/** The command line with the slot's own port and directory left open. */
function commandOf({ port, process }: Known): string {
  return process.command
    .map((arg) => {
      const text = quoted(arg)
        .replaceAll(process.directory, "{dir}")
        .replaceAll(new RegExp(String.raw`\b${port}\b`, "g"), "{port}");
      return text;
    })
    .join(" ");
}

const quoted = (word: string): string =>
  /^[\w./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** Slots of a file that was there already, and that the upstream does not lead to: it is another's file. */
export function strangersIn(application: Application, { slots }: Adoption): readonly SlotKey[] {
  const ports = new Set(slots.map(({ port }) => port));
  return poolOf(application.hosts).flatMap(({ key, port }) => (ports.has(port) ? [] : [key]));
}

/** What a person should look at before anything is taken over; a sentence each. */
export function doubtsOf(adoption: Adoption): readonly string[] {
  const silent = adoption.slots.filter((slot) => isLocal(slot) && slot.process === null);
  const local = adoption.slots.flatMap(({ process }) => (process === null ? [] : [process]));
  const commands = new Set(adoption.slots.flatMap((slot) => (slot.process === null ? [] : [shape(slot)])));
  const unequal = adoption.slots.filter(({ params }) => params.some((param) => UNEQUAL.test(param)));
  return [
    ...otherHosts(adoption.slots).map(
      ({ address }) => `${address} was not seen: say how it is reached and where its copies live (dir)`,
    ),
    ...unequal.map(
      ({ port, params }) =>
        `port ${port} was ${params.join(" ")}: slots are alike to Glidepath, it gets as much as others`,
    ),
    ...adoption.chosen.map((how) =>
      KEEPS.test(how)
        ? `${how}: Glidepath keeps nobody at one slot: see that no session lives in one slot's memory`
        : `${how}: slots are asked in turn instead`,
    ),
    ...silent.map(({ port }) => `nobody was seen to listen on port ${port}: say in dir where its copy lives`),
    ...(commands.size > 1 ? ["the slots run different commands: write one run.start that fits all"] : []),
    ...(local.some(({ unit }) => unit !== null)
      ? []
      : ["run.start is what the process list shows: see that it starts the application as you do"]),
  ];
}

const UNEQUAL = /^(backup|down|(weight|max_conns|slow_start)=.*)$/;
/** These lead a visitor to the same slot each time. */
const KEEPS = /^(ip_hash|hash|sticky)/;

const shape = ({ port, process }: FoundSlot): string =>
  process === null ? "" : commandOf({ port, process });
