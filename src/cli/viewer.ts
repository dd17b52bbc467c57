import type { Instant } from "../base/time.ts";
import type { Rollout } from "../model/rollout.ts";
import type { RolloutEvent } from "../ports/control.ts";
import { pageOf, type Context } from "./context.ts";
import { errorLines } from "./render/error.ts";
import { advance, liveLines, newsLine, NOTHING_YET } from "./render/live.ts";
import { isTold, judgeLine } from "./render/verdict.ts";
import { findingLines } from "./render/reports.ts";
import { line, print, warn, wrap, type Line } from "./render/text.ts";
import { gist } from "./render/words.ts";
import { eventJson } from "./wire.ts";

/** Shows a rollout while it goes on. */
export interface Viewer {
  event(event: RolloutEvent): void;
  /** A question that waits for a key, or what became of it; null when nothing more is to be said. */
  question(text: string | null): void;
  end(): void;
}

/** A countdown is news no more often than this. */
const QUIET_MS = 30_000;

/** Tells whether an event says something that was not said before. */
export function newsFilter(): (event: RolloutEvent) => boolean {
  let last = "";
  let lastAt = 0;
  let judged = "";
  return (event) => {
    if (event.kind === "verdict") {
      const { kind, share } = event.verdict;
      const turn = `${kind} ${share === null ? judged.split(" ")[1] : share}`;
      const isKnown = isTold(event.verdict);
      const isTurn = isKnown && turn !== judged;
      if (isKnown) judged = turn;
      return isTurn;
    }
    if (event.kind !== "decided" && event.kind !== "trouble")
      return event.kind === "ended" || event.kind === "advice";
    const said = event.kind === "trouble" ? event.error.message : decidedGist(event);
    if (said === last && event.at - lastAt < QUIET_MS) return false;
    last = said;
    lastAt = event.at;
    return true;
  };
}

function decidedGist({ rollout }: RolloutEvent & { kind: "decided" }): string {
  const { phase, step, paused, routing, because } = rollout;
  return [phase.name, step, routing.share, paused === null ? "" : "paused", gist(because)].join(" ");
}

/** Why it goes back is long, and is said once: from then on it is `…`. */
function sayOnce(): (rollout: Rollout) => Rollout {
  let said: string | null = null;
  return (rollout) => {
    const why = rollout.aborted?.error.message ?? null;
    const again = why !== null && why === said;
    said = why;
    return again ? { ...rollout, because: rollout.because.replace(why, () => "…") } : rollout;
  };
}

function plainViewer(context: Context): Viewer {
  const isNews = newsFilter();
  const shorten = sayOnce();
  const say = (lines: readonly Line[]): void =>
    context.io.stderr(print(lines, { ...pageOf(context, "stderr"), columns: 0 }, false));
  return {
    event: (event) => {
      if (event.kind === "ended" || !isNews(event)) return;
      if (event.kind === "decided") say([newsLine(shorten(event.rollout), event.at)]);
      if (event.kind === "trouble") say(errorLines(event.error));
      if (event.kind === "advice") say(findingLines(event.finding));
      if (event.kind === "verdict") say([judgeLine(event.verdict)]);
    },
    question: () => {},
    end: () => {},
  };
}

/** For programs all of it is news. */
const STREAMED: ReadonlySet<RolloutEvent["kind"]> = new Set(["progress", "traffic", "verdict"]);

function jsonViewer(context: Context): Viewer {
  const isNews = newsFilter();
  return {
    event: (event) => {
      const json = STREAMED.has(event.kind) || isNews(event) ? eventJson(event) : null;
      if (json !== null) context.io.stdout(`${JSON.stringify(json)}\n`);
    },
    question: () => {},
    end: () => {},
  };
}

/** What is around the slots in the live view, and a line to spare. */
const OTHER_ROWS = 12;

function liveViewer(context: Context, now: () => Instant): Viewer {
  const { io } = context;
  let state = NOTHING_YET;
  let asked: string | null = null;
  /** Said when the view is gone, where it stays. */
  const advice: Line[] = [];
  const draw = (): void => {
    const page = pageOf(context, "stderr");
    const rows = Math.max(3, io.rows() - OTHER_ROWS);
    const lines = liveLines(state, { now: now(), columns: page.columns, rows });
    const question = asked === null ? [] : wrap(asked, page.columns).map((text) => line(warn(text)));
    io.screen.show(print([...lines, ...question], page));
  };
  const stop = io.repeat(250, draw);
  return {
    event: (event) => {
      state = advance(state, event);
      if (event.kind === "advice") advice.push(...findingLines(event.finding));
      if (event.kind !== "traffic") draw();
    },
    question: (text) => {
      asked = text;
      draw();
    },
    end: () => {
      stop();
      io.screen.clear();
      if (advice.length > 0) io.stderr(print(advice, pageOf(context, "stderr"), false));
    },
  };
}

export function viewerFor(context: Context): Viewer {
  if (context.flags.json) return jsonViewer(context);
  if (!context.io.interactive) return plainViewer(context);
  return liveViewer(context, () => context.deps.clock.now());
}
