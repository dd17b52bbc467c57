import { millis, seconds, type Duration } from "../../base/time.ts";
import type {
  Application,
  CommandRun,
  GeneratedRun,
  RunSpec,
  Slot,
  StopPolicy,
  UnitRun,
} from "../../model/application.ts";
import { ADOPTED, type ReleaseId, type Stamp } from "../../model/ids.ts";
import type { HostCommand } from "../../ports/host.ts";
import { launchLine, signalled, signalName } from "./command.ts";
import { expandPlaceholders } from "../../model/command.ts";
import { environmentOf, hostEnvironment, hostOf, kernelAddress, markerOf, stateDir } from "./layout.ts";
import { OBSERVE, TAIL, TAIL_JOURNAL } from "./script/observe.ts";
import { START_COMMAND, START_OWN, START_STATIC } from "./script/start.ts";
import { START_UNIT } from "./script/start-unit.ts";
import { STOP_OWN, STOP_PROCESS, STOP_STATIC } from "./script/stop.ts";
import { SUPERVISOR } from "./script/supervisor.ts";
import { SWITCH } from "./script/switch.ts";
import { dropIn, environmentLine, generatedUnit, supervisorUnit, unitNameOf } from "./unit.ts";

/** The supervisor's pace. */
export interface Pace {
  /** Before the first restart; doubles to `most`, and is short again after `steady` up. */
  readonly first: Duration;
  readonly most: Duration;
  readonly steady: Duration;
  /** The log is rotated above this size, looked at every `logEvery`. */
  readonly logBytes: number;
  readonly logEvery: Duration;
}
export const PACE: Pace = {
  first: millis(200),
  most: seconds(10),
  steady: seconds(30),
  logBytes: 10 * 1024 * 1024,
  logEvery: seconds(5),
};

export interface SlotWrite {
  readonly application: Application;
  readonly slot: Slot;
  readonly at: Stamp;
}

/** How long a start command of the user's may take until its slot counts as started. */
const START_SECONDS = 20;
const MARGIN = 20_000;

const whole = (n: number): string => String(Math.round(n));

/** systemd's own, for units that do not say how long they may take to stop. */
const UNIT_STOP: StopPolicy = { signal: "SIGTERM", timeout: seconds(90) };

const stopOf = (run: RunSpec): StopPolicy | null => (run.kind === "static" ? null : (run.stop ?? UNIT_STOP));
const stopTime = ({ run }: Application): number => stopOf(run)?.timeout ?? 0;

/** What every write begins with; see PLACE. A write waits for another one's longest stop. */
export function place({ application, slot, at }: SlotWrite): readonly string[] {
  const root = hostOf(application, slot.host).root;
  const patience = whole(stopTime(application) / 1000 + 10);
  const fence = [String(at.generation), at.writer];
  return [root, String(slot.port), slot.dir, markerOf(application, slot), ...fence, patience];
}

function write(asked: SlotWrite, script: string, more: readonly string[]): HostCommand {
  const timeout = millis(2 * stopTime(asked.application) + (START_SECONDS + 60) * 1000 + MARGIN);
  return { script, args: [...place(asked), ...more], timeout };
}

export function stopCall(asked: SlotWrite): HostCommand {
  const { run } = asked.application;
  if (run.kind === "static") return write(asked, STOP_STATIC, []);
  if (run.kind !== "own") {
    return write(asked, STOP_PROCESS, [...manner(run), unitNameOf(asked.application, asked.slot)]);
  }
  const time = whole(run.stop.timeout / 10);
  const commands = [run.stopCommand, run.status].map(expandPlaceholders);
  return write(asked, STOP_OWN, [
    time,
    run.user ?? "",
    ...commands,
    ...environmentOf(asked.application, asked.slot),
  ]);
}

/** How a process is asked to end: signal, hundredths of a second, whether it alone or all. */
function manner(run: CommandRun | GeneratedRun | UnitRun): readonly string[] {
  const { signal, timeout } = run.stop ?? UNIT_STOP;
  const whom = run.kind === "unit" ? "all" : signalled(run.command);
  return [signalName(signal), whole(timeout / 10), whom];
}

export const switchCall = (asked: SlotWrite, release: ReleaseId | null): HostCommand =>
  write(asked, SWITCH, [
    release === ADOPTED ? "adopted" : (release ?? ""),
    unitNameOf(asked.application, asked.slot),
  ]);

export function startCall(asked: SlotWrite, pace: Pace): HostCommand {
  const { run } = asked.application;
  const user = run.user ?? "";
  const environment = environmentOf(asked.application, asked.slot);
  if (run.kind === "static") {
    return write(asked, START_STATIC, [user, expandPlaceholders(run.reload ?? ""), ...environment]);
  }
  if (run.kind === "own") {
    const commands = [run.start, run.status].map(expandPlaceholders);
    return write(asked, START_OWN, [String(START_SECONDS), user, ...commands, ...environment]);
  }
  if (run.kind !== "command") return startUnitCall(asked, run);
  const unit = supervisorUnit(asked, run);
  const more = [user, kernelAddress(asked.slot.address), launchLine(run.command), SUPERVISOR];
  const args = [...manner(run), ...more, unit.path, unit.text, ...paceArgs(pace), ...environment];
  return write(asked, START_COMMAND, args);
}

function startUnitCall(asked: SlotWrite, run: GeneratedRun | UnitRun): HostCommand {
  const { application, slot } = asked;
  const file = run.kind === "unit" ? dropIn(asked, run.stop) : generatedUnit(asked, run);
  const marker = `GLIDEPATH_SLOT=${markerOf(application, slot)}`;
  const environment = [...environmentOf(application, slot), marker].map(environmentLine).join("\n");
  const more = [environment, run.user ?? "", kernelAddress(slot.address), String(START_SECONDS)];
  return write(asked, START_UNIT, [unitNameOf(application, slot), file.path, file.text, ...more]);
}

const paceArgs = (pace: Pace): readonly string[] => [
  whole(pace.first / 100),
  whole(pace.most / 100),
  whole(pace.steady / 1000),
  whole(pace.logBytes),
  String(pace.logEvery / 1000),
];

export function observeCall(application: Application, host: string, slots: readonly Slot[]): HostCommand {
  const { run } = application;
  const status = run.kind === "own" ? expandPlaceholders(run.status) : "";
  // Of a supervised application its supervisor tells.
  const unitOf = (slot: Slot): string => (run.kind === "command" ? "" : unitNameOf(application, slot));
  const places = slots.flatMap((slot) => [
    String(slot.port),
    slot.dir,
    markerOf(application, slot),
    unitOf(slot),
  ]);
  return {
    script: OBSERVE,
    args: [
      hostOf(application, host).root,
      run.kind,
      run.user ?? "",
      status,
      String(slots.length),
      ...places,
      ...hostEnvironment(application, host),
    ],
    timeout: seconds(10 + (run.kind === "own" ? 8 * slots.length : 0)),
  };
}

export function tailCall(application: Application, slot: Slot, lines: number): HostCommand {
  const state = stateDir(hostOf(application, slot.host).root, slot);
  const timeout = seconds(10);
  const { kind } = application.run;
  return kind === "unit" || kind === "generated"
    ? { script: TAIL_JOURNAL, args: [state, whole(lines), unitNameOf(application, slot)], timeout }
    : { script: TAIL, args: [`${state}/log`, whole(lines)], timeout };
}
