import { between, millis } from "../../../base/time.ts";
import { coursesIn } from "../../../model/course.ts";
import type { ProbeCount, ProbeReport } from "../../../model/probing.ts";
import type { MirrorCount, Receipt } from "../../../model/receipt.ts";
import { ENDED, type Rollout } from "../../../model/rollout.ts";
import { quantile } from "../../../model/traffic.ts";
import type { HistoryRecord, JournalEntry } from "../../../ports/journal.ts";
import { backWords, commitWords, gapWords, KIND_WORDS, lossWords, oldWords } from "../probe.ts";
import { cutWords } from "../receipt.ts";
import { clean } from "../text.ts";
import { clock, count, ms, time } from "../words.ts";
import { html, NOTHING, type Piece, type Safe } from "./safe.ts";
import { STYLE } from "./style.ts";
import { timeline } from "./timeline.ts";

/** The receipt of one rollout as a page that stands alone: nothing in it is fetched from anywhere. */
export function receiptPage({ rollout, receipt }: HistoryRecord, entries: readonly JournalEntry[]): string {
  const { app, release } = rollout;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
        <title>${app}: ${release}, the receipt</title>
        ${STYLE}
      </head>
      <body>
        ${head(rollout)}
        ${receipt === null ? html`<p class="warn">${NO_RECEIPT}</p>` : facts(rollout, receipt, entries)}
        ${journal(rollout, entries)}
        <footer>Rollout <span class="mono">${rollout.id}</span>. Times are UTC.</footer>
      </body>
    </html> `;
  return page.text;
}

const NO_RECEIPT = "There is no receipt: the rollout has not ended, or its process was gone.";

const OUTCOMES: Readonly<Record<string, readonly [string, string]>> = {
  completed: ["good", "✓"],
  "rolled-back": ["bad", "✗"],
  stuck: ["bad", "✗"],
};

function head(rollout: Rollout): Safe {
  const { app, kind, release, from, phase, startedAt, endedAt, aborted, because } = rollout;
  const isEnded = ENDED.includes(phase.name);
  const [tone, sign] = OUTCOMES[phase.name] ?? ["warn", "…"];
  const why = phase.name === "stuck" ? phase.error.message : (aborted?.error.message ?? because);
  const until = endedAt === null ? "" : ` to ${clock(endedAt)}, ${time(between(startedAt, endedAt))}`;
  return html`<header>
    <p class="soft">${app} · ${kind}</p>
    <h1>
      ${from ?? "nothing"} → ${release}
      <span class="${tone}">${sign} ${isEnded ? phase.name : "under way"}</span>
    </h1>
    <p>${clean(why)}</p>
    <p class="soft">${clock(startedAt)}${until}</p>
  </header>`;
}

function facts(rollout: Rollout, receipt: Receipt, entries: readonly JournalEntry[]): Safe {
  const { probe } = receipt;
  return html`${tiles(receipt)}
    <section>
      <h2>Course</h2>
      <div class="wide">
        ${timeline({
          startedAt: rollout.startedAt,
          endedAt: rollout.endedAt ?? rollout.progressAt,
          courses: coursesIn(entries),
          stretches: receipt.course ?? [],
          isCounted: receipt.uncounted !== true,
          losses: probe?.losses ?? [],
        })}
      </div>
    </section>
    ${cutOffs(receipt)} ${probe ? probed(probe) : NOTHING} ${times(receipt)} ${missing(receipt)}`;
}

const tile = (value: Piece, label: string, tone = ""): Safe =>
  html`<div class="tile"><b class="${tone}">${value}</b><span>${label}</span></div>`;
const toneOf = (lost: number): string => (lost > 0 ? "bad" : "good");

const BACK = {
  measured: "until users were back",
  estimated: "to go back, had it been needed (estimated)",
} as const;

function tiles(receipt: Receipt): Safe {
  const { uncounted, mirrored, commits, skew, back, probe } = receipt;
  const counts = probe?.counts ?? [];
  const sent = counts.reduce((sum, one) => sum + one.sent, 0);
  const broken = counts.reduce((sum, one) => sum + one.failed + one.cut, 0);
  const gets = counts.filter(({ kind }) => kind === "get");
  const gap = Math.max(0, ...gets.map(({ longestGap }) => longestGap));
  return html`<div class="tiles">
    ${uncounted ? tile("–", "requests were not counted", "warn") : countTiles(receipt)}
    ${mirrored ? copiesTile(mirrored) : NOTHING}
    ${sent > 0 ? tile(count(broken), `lost of ${count(sent)} by the probe`, toneOf(broken)) : NOTHING}
    ${gap > 0 ? tile(time(gap), "longest gap between good GETs") : NOTHING}
    ${commits && commits.longest > 0 ? tile(time(commits.longest), "longest switch of a gateway") : NOTHING}
    ${skew === null ? NOTHING : tile(time(skew), "most that gateways were apart")}
    ${back && back.users > 0 ? tile(time(back.users), BACK[back.how]) : NOTHING}
  </div>`;
}

function countTiles({ during, cut, missing: unmeasured }: Receipt): Safe {
  const { requests, failed } = during;
  const lost = during.cut + cut;
  const isWhole = unmeasured.length === 0;
  const tone = (bad: number): string => (isWhole || bad > 0 ? toneOf(bad) : "warn");
  return html`${tile(count(requests), isWhole ? "requests of users" : "requests of users were seen")}
  ${tile(count(failed), isWhole ? "failed" : "of them failed", tone(failed))}
  ${tile(count(lost), "cut", tone(lost))}`;
}

const copiesTile = ({ requests, failed }: MirrorCount): Safe =>
  tile(count(failed), `failed of ${count(requests)} copies, for nobody`);

const cutOffs = ({ cutKinds }: Receipt): Safe =>
  cutKinds === undefined ? NOTHING : html`<p class="bad">${sentence(cutWords(cutKinds))}.</p>`;

const HEADS = ["gateway", "kind", "sent", "failed", "cut", "longest gap", "p50", "p99", ""];

function countRow(given: ProbeCount): Safe {
  const { gateway, kind, sent, failed, cut, declined, latency } = given;
  const note = declined === 0 ? "" : `${count(declined)} prove nothing: not what was asked for`;
  return html`<tr>
    <td>${gateway}</td>
    <td>${KIND_WORDS[kind]}</td>
    <td class="n">${count(sent)}</td>
    <td class="n ${failed > 0 ? "bad" : ""}">${count(failed)}</td>
    <td class="n ${cut > 0 ? "bad" : ""}">${count(cut)}</td>
    <td>${gapWords(given)}</td>
    <td class="n">${ms(quantile(latency, 0.5))}</td>
    <td class="n">${ms(quantile(latency, 0.99))}</td>
    <td class="warn">${note}</td>
  </tr>`;
}

function probed(report: ProbeReport): Safe {
  const { counts, losses, untold, slots } = report;
  const bySlot = Object.entries(slots).map(([slot, answers]) => `${slot}: ${count(answers)}`);
  const numbers: ReadonlySet<string> = new Set(["sent", "failed", "cut", "p50", "p99"]);
  const heads = HEADS.map((text) => html`<th class="${numbers.has(text) ? "n" : ""}">${text}</th>`);
  return html`<section>
    <h2>The probe</h2>
    <div class="wide">
      <table>
        <thead>
          <tr>
            ${heads}
          </tr>
        </thead>
        <tbody>
          ${counts.map(countRow)}
        </tbody>
      </table>
    </div>
    ${losses.map((loss) => html`<p class="loss">${lossWords(loss)}</p>`)}
    ${untold > 0 ? html`<p class="bad">and ${count(untold)} more</p>` : NOTHING}
    ${counts.length > 0 ? html`<p>${oldWords(report)}.</p>` : NOTHING}
    ${bySlot.length > 0 ? html`<p class="soft">Good answers by slot: ${bySlot.join(", ")}.</p>` : NOTHING}
  </section>`;
}

function switchesTold({ uncounted, switches, longestSwitch, commits }: Receipt): Safe {
  if (uncounted && switches === 0) return NOTHING;
  const commit = commits === undefined ? null : commitWords(commits);
  return html`<p>
    ${count(switches)} switches of traffic; the longest took ${time(longestSwitch)} from order to
    confirmation${commit === null ? "" : `; ${commit}`}.
  </p>`;
}

function times(receipt: Receipt): Safe {
  const { before, during, after, back, phases } = receipt;
  const row = (label: string, q: number): Safe =>
    html`<tr>
      <td>${label}</td>
      ${[before, during, after].map(({ latency }) => html`<td class="n">${ms(quantile(latency, q))}</td>`)}
    </tr>`;
  return html`<section>
    <h2>Times</h2>
    <table>
      <thead>
        <tr>
          <th>latency of users</th>
          <th class="n">before</th>
          <th class="n">during</th>
          <th class="n">after</th>
        </tr>
      </thead>
      <tbody>
        ${row("p50", 0.5)}${row("p99", 0.99)}
      </tbody>
    </table>
    ${switchesTold(receipt)} ${back ? html`<p>${sentence(backWords(back))}.</p>` : NOTHING}
    <p class="soft">${phases.map(({ name, took }) => `${name} ${time(took)}`).join(" · ")}</p>
  </section>`;
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

function missing({ missing: unmeasured, probe }: Receipt): Safe {
  const unprobed = (probe?.blind ?? []).map((text) => `not probed: ${text}`);
  const texts = [...unmeasured.map((text) => `not measured: ${text}`), ...unprobed];
  if (texts.length === 0) return NOTHING;
  return html`<section>
    <h2>What is not known</h2>
    ${texts.map((text) => html`<p class="warn">${clean(text)}</p>`)}
  </section>`;
}

function journal({ startedAt }: Rollout, entries: readonly JournalEntry[]): Safe {
  const rows = entries.map(
    ({ at, kind, because }) =>
      html`<tr>
        <td class="n soft">${time(millis(at - startedAt))}</td>
        <td class="soft">${kind}</td>
        <td>${clean(because)}</td>
      </tr>`,
  );
  return html`<details open>
    <summary>Journal</summary>
    <table class="journal">
      <tbody>
        ${rows}
      </tbody>
    </table>
  </details>`;
}
