// `glidepath demo`: everything on this machine in a temporary directory. It only arranges and counts; the
// releases are made by the real command in processes of its own.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { stringify } from "yaml";
import { packRelease } from "./artifacts.ts";
import { startLoad } from "./load/child.ts";
import type { LoadReport } from "./load/report.ts";
import { nginxBinary, startNginx } from "./nginx.ts";
import { type PlannedAct, GRAY_STEPS, playOf } from "./play.ts";
import { type Scene, type Sections, buildScene, closeScene, dropScene } from "./scene.ts";
import { type Act, type CommandLine, type Stagehand, hireStagehand, ownCommandLine } from "./stagehand.ts";
import { type Played, type Verdict, judge, resultTable, verdictJson } from "./verdict.ts";

export interface DemoOptions {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Leave the directory there at the end. */
  readonly keep: boolean;
  readonly color: boolean;
  readonly json: boolean;
  /** Also a gray release. */
  readonly gray: boolean;
  readonly command?: CommandLine;
  /** A closed terminal does not end it. */
  readonly outlivesTerminal?: boolean;
}

const RATE = 300;
/** Requests that were under way when the last command ended get this long to be answered and counted. */
const AFTERMATH_MS = 2000;
const REFUSED = 3;
const INTERRUPTED = 5;

/** What keeps the demo from running here, or null. */
function obstacle(): string | null {
  if (process.platform !== "linux") return "the demo needs Linux: it plays a server";
  if (nginxBinary() === null) {
    return "there is no nginx on PATH nor in /usr/sbin; install it, on Debian: apt-get install nginx-light";
  }
  return null;
}

/** Everything that the application offers, through every gateway while a release lasts. */
const PROBE = {
  rate: 10,
  hold: "1s",
  post: { path: "/echo", body: "one" },
  slow: "/?ms=700",
  upload: { path: "/upload", size: "64KB" },
  websocket: "/ws",
  events: "/stream?ms=5000",
} as const;

const hurried = (sections: Sections): Sections => ({
  ...sections,
  probe: PROBE,
  health: { http: "/healthz", every: "100ms", timeout: "1s", within: "3s" },
});

async function setUp(play: readonly PlannedAct[]): Promise<Scene> {
  let gray = "";
  const scene = await buildScene({
    edit: (sections) => {
      gray = stringify({ ...hurried(sections), rollout: { steps: GRAY_STEPS, drain: "10s" } });
      return hurried(sections);
    },
  });
  writeFileSync(join(scene.directory, "gray.yaml"), gray);
  for (const { release, behaviour } of play) await packRelease(scene.artifacts, { release, behaviour });
  await startNginx(scene.nginx);
  return scene;
}

const argsOf = ({ release, steps }: PlannedAct, color: boolean): readonly string[] => [
  "release",
  release,
  ...(steps === "gray" ? ["--file", "gray.yaml"] : []),
  "--yes",
  ...(color ? [] : ["--no-color"]),
];

interface Performance {
  readonly played: readonly Played[];
  readonly report: LoadReport | null;
}

interface Cast {
  readonly scene: Scene;
  readonly hand: Stagehand;
  readonly options: DemoOptions;
}

async function performAll(play: readonly PlannedAct[], { scene, hand, options }: Cast): Promise<Performance> {
  const played: Played[] = [];
  let load: ReturnType<typeof startLoad> | null = null;
  try {
    for (const [at, planned] of play.entries()) {
      if (planned.underLoad && load === null) {
        options.stderr(
          `\nNow ${RATE} requests a second begin: 20 % POST, 2 % take 1.5 s, and no client tries again.\n`,
        );
        load = startLoad({ url: scene.url, rate: RATE, samples: true });
        await load.warm;
      }
      const args = argsOf(planned, options.color);
      options.stderr(`\n${at + 1}. ${planned.says}\n   $ glidepath ${args.slice(0, -1).join(" ")}\n\n`);
      const act: Act = await hand.perform(args);
      played.push({ planned, act });
      if (hand.isInterrupted() || act.code !== planned.code) break;
    }
    if (load !== null && !hand.isInterrupted()) await wait(AFTERMATH_MS);
    return { played, report: (await load?.stop()) ?? null };
  } finally {
    await load?.stop().catch(() => null);
  }
}

const opening = ({ directory, url, slots }: Scene): string =>
  `Everything happens in ${directory} and on 127.0.0.1.\n` +
  `nginx answers at ${url}; two slots of a small application have the ports ${slots.join(" and ")}.\n`;

const closing = (scene: Scene, keep: boolean): string =>
  keep
    ? `The directory stays: ${scene.directory} (its processes have ended)\n`
    : "Everything that the demo started has ended, and its directory is gone.\n";

function tell(verdict: Verdict, { stdout, json }: DemoOptions): void {
  if (json) return stdout(`${JSON.stringify(verdictJson(verdict))}\n`);
  stdout(`\n${resultTable(verdict)}\n\n${verdict.sentence}\n`);
}

/** Returns the exit code: 0 only if no request failed and the bad release went back. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const problem = obstacle();
  if (problem !== null) {
    options.stderr(`glidepath: ${problem}\n`);
    return REFUSED;
  }
  const play = playOf(options.gray);
  const scene = await setUp(play);
  const command = options.command ?? ownCommandLine();
  const { outlivesTerminal = false, json } = options;
  const hand = hireStagehand({ scene, command, output: json ? 2 : 1, outlivesTerminal });
  const onExit = (): void => dropScene(scene, options.keep);
  process.once("exit", onExit);
  try {
    options.stderr(opening(scene));
    const performance = await performAll(play, { scene, hand, options });
    const verdict = judge(play, performance.played, performance.report);
    tell(verdict, options);
    return hand.isInterrupted() ? INTERRUPTED : verdict.code;
  } finally {
    await closeScene(scene, options.keep);
    process.off("exit", onExit);
    hand.close();
    options.stderr(closing(scene, options.keep));
  }
}
