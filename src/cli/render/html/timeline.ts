import type { Instant } from "../../../base/time.ts";
import type { TimedCourse } from "../../../model/course.ts";
import type { ProbeLoss } from "../../../model/probing.ts";
import type { Stretch } from "../../../model/receipt.ts";
import { lossWords } from "../probe.ts";
import { clean } from "../text.ts";
import { count, ms, share, time } from "../words.ts";
import { html, NOTHING, type Safe } from "./safe.ts";
import { scale, ticks, type Scale } from "./scale.ts";

/** What the picture is of; all times are the controller's or the gateways' clocks. */
export interface Story {
  readonly startedAt: Instant;
  readonly endedAt: Instant;
  readonly courses: readonly TimedCourse[];
  readonly stretches: readonly Stretch[];
  /** Requests were counted: where none failed, none did. */
  readonly isCounted: boolean;
  readonly losses: readonly ProbeLoss[];
}

const WIDTH = 960;
const LEFT = 96;
const RIGHT = 12;

interface Lane {
  readonly top: number;
  readonly height: number;
}

const PHASES: Lane = { top: 8, height: 22 };
const SHARE: Lane = { top: 48, height: 56 };
const RATE: Lane = { top: 124, height: 56 };
const LOST: Lane = { top: 200, height: 26 };
const P99: Lane = { top: 246, height: 56 };
const PROBE: Lane = { top: 322, height: 18 };
const AXIS = 352;
const HEIGHT = 374;

/** Phases, share, requests, failures, p99 and the probe's losses over one axis of time. */
export function timeline(given: Story): Safe {
  const { startedAt, endedAt, stretches } = given;
  const margin = Math.max(1000, (endedAt - startedAt) * 0.06);
  const isShown = ({ from, to }: Stretch): boolean => to > startedAt - margin && from < endedAt + margin;
  const story = { ...given, stretches: stretches.filter(isShown) };
  const x = scale([startedAt - margin, endedAt + margin], [LEFT, WIDTH - RIGHT]);
  const end = WIDTH - RIGHT;
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="The course of the rollout">
    ${axis(story, x)} ${phases(story, x)} ${shares(story, x, end)} ${rates(story, x)} ${failures(story, x)}
    ${latencies(story, x)} ${probes(story, x)}
  </svg>`;
}

const name = (text: string, { top, height }: Lane): Safe =>
  html`<text class="name" x="0" y="${top + height / 2 + 4}">${text}</text>`;
const floor = ({ top, height }: Lane): Safe =>
  html`<line class="rule" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${top + height}" y2="${top + height}" />`;
const mark = (text: string, y: number): Safe =>
  html`<text x="${LEFT - 6}" y="${y + 4}" text-anchor="end">${text}</text>`;

function axis({ startedAt, endedAt }: Story, x: Scale): Safe {
  const marks = ticks(endedAt - startedAt, 10).map((at) => {
    const place = x(startedAt + at);
    return html`<line class="rule" x1="${place}" x2="${place}" y1="4" y2="${AXIS - 4}" />
      <text x="${place}" y="${AXIS + 10}" text-anchor="middle">${at === 0 ? "start" : time(at)}</text>`;
  });
  return html`${marks}`;
}

/** One piece for each time that a phase lasted, in turns of two tints. */
function phases({ courses, endedAt }: Story, x: Scale): Safe {
  const pieces = courses
    .filter(({ phase }, i) => phase !== courses[i - 1]?.phase)
    .map(({ phase, at }, i, all) => ({ phase, from: x(at), to: x(all[i + 1]?.at ?? endedAt) }))
    .filter(({ from, to }) => to > from);
  const drawn = pieces.map(({ phase, from, to }, i) => {
    const room = to - from;
    const text = room > phase.length * 6.2 + 8 ? phase : "";
    return html`<rect
        class="p${i % 2}"
        x="${from}"
        y="${PHASES.top}"
        width="${Math.max(1, room)}"
        height="${PHASES.height}"
        rx="3"
        ><title>${phase}</title></rect
      >
      <text class="name" x="${from + room / 2}" y="${PHASES.top + 15}" text-anchor="middle">${text}</text>`;
  });
  return html`${name("phase", PHASES)}${drawn}`;
}

/** In steps: a share holds until the next switch. */
function shares({ courses }: Story, x: Scale, end: number): Safe {
  const y = scale([0, 10_000], [SHARE.top + SHARE.height, SHARE.top]);
  const points: string[] = [`${LEFT},${y(0)}`];
  let last = 0;
  for (const { at, share: next } of courses) {
    if (next === last) continue;
    points.push(`${x(at)},${y(last)}`, `${x(at)},${y(next)}`);
    last = next;
  }
  points.push(`${end},${y(last)}`);
  const line = points.join(" ");
  const bottom = SHARE.top + SHARE.height;
  return html`${name("share", SHARE)}${mark("100 %", SHARE.top)}${mark("0 %", bottom)}${floor(SHARE)}
    <polygon class="area" points="${LEFT},${bottom} ${line} ${end},${bottom}" />
    <polyline class="curve" points="${line}"><title>at the end ${share(last)}</title></polyline>`;
}

const perSecond = ({ from, to, requests }: Stretch): number => (requests * 1000) / Math.max(1, to - from);

function rates({ stretches }: Story, x: Scale): Safe {
  const most = Math.max(0, ...stretches.map(perSecond));
  if (most === 0) return html`${name("requests", RATE)}${floor(RATE)}`;
  const y = scale([0, most], [RATE.top + RATE.height, RATE.top]);
  const bars = stretches.map((stretch) => {
    const top = y(perSecond(stretch));
    const left = x(stretch.from);
    const width = Math.max(0.5, x(stretch.to) - left);
    return html`<rect
      class="area"
      x="${left}"
      y="${top}"
      width="${width}"
      height="${RATE.top + RATE.height - top}"
    />`;
  });
  const top = mark(`${count(Math.round(most))}/s`, RATE.top);
  return html`${name("requests", RATE)}${top}${floor(RATE)}${bars}`;
}

function failures({ stretches, isCounted }: Story, x: Scale): Safe {
  const lost = stretches.filter(({ failed, cut }) => failed + cut > 0);
  const middle = LOST.top + LOST.height / 2 + 4;
  if (lost.length === 0) {
    return html`${name("failed, cut", LOST)}${floor(LOST)}<text class="none" x="${LEFT + 4}" y="${middle}"
        >${isCounted ? "none" : "not counted"}</text
      >`;
  }
  const most = Math.max(...lost.map(({ failed, cut }) => failed + cut));
  const y = scale([0, most], [LOST.top + LOST.height, LOST.top]);
  const bars = lost.map(({ from, to, failed, cut }) => {
    const top = Math.min(y(failed + cut), LOST.top + LOST.height - 3);
    return html`<rect
      class="fail"
      x="${x(from)}"
      y="${top}"
      width="${Math.max(2, x(to) - x(from))}"
      height="${LOST.top + LOST.height - top}"
      ><title>${count(failed)} failed, ${count(cut)} cut</title></rect
    >`;
  });
  return html`${name("failed, cut", LOST)}${mark(count(most), LOST.top)}${floor(LOST)}${bars}`;
}

function latencies({ stretches }: Story, x: Scale): Safe {
  const known = stretches.flatMap(({ from, to, p99 }) =>
    p99 === null ? [] : [{ at: (from + to) / 2, p99 }],
  );
  const most = Math.max(0, ...known.map(({ p99 }) => p99));
  const y = scale([0, most], [P99.top + P99.height, P99.top]);
  const line = known.map(({ at, p99 }) => `${x(at)},${y(p99)}`).join(" ");
  const top = known.length === 0 ? NOTHING : mark(ms(most), P99.top);
  return html`${name("p99", P99)}${top}${floor(P99)}<polyline class="curve" points="${line}" />`;
}

/** A triangle for each; its words are its title. */
function probes({ losses }: Story, x: Scale): Safe {
  if (losses.length === 0) return NOTHING;
  const base = PROBE.top + PROBE.height - 2;
  const marks = losses.map((loss) => {
    const at = x(loss.ended);
    return html`<path class="fail" d="M${at - 5} ${base}h10l-5 -11z"
      ><title>${clean(lossWords(loss))}</title></path
    >`;
  });
  return html`${name("probe lost", PROBE)}${floor(PROBE)}${marks}`;
}
