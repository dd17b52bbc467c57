import {
  type Answers,
  type Asked,
  type AskedKind,
  type Change,
  type FailureKind,
  type LoadFailure,
  type LoadReport,
  type Second,
  percentile,
} from "./report.ts";

const MOST_FAILURES = 1000;
const MOST_CHANGES = 10_000;

/** One request that has ended, well or not. */
export interface Ended {
  readonly user: number;
  readonly method: string;
  readonly path: string;
  /** Over a connection of its own. */
  readonly fresh: boolean;
  readonly sentAt: number;
  readonly took: number;
  /** How long the request itself asked to take. */
  readonly asked: number;
  readonly status: number | null;
  readonly release: string | null;
  readonly slot: string | null;
  readonly failure: { readonly kind: FailureKind; readonly message: string } | null;
}

type Growing<T> = { -readonly [K in keyof T]: T[K] };

const tenth = (value: number): number => Math.round(value * 10) / 10;

function kindOf({ method, fresh, asked }: Ended): AskedKind {
  if (asked > 0) return "slow";
  return method === "POST" ? "POST" : fresh ? "fresh" : "keep-alive";
}

/** Counts ended requests; knows neither time nor network. */
export class Recorder {
  readonly #startedAt: number;
  readonly #keepSamples: boolean;
  readonly #failures: LoadFailure[] = [];
  readonly #changes: Change[] = [];
  readonly #seconds: Second[] = [];
  readonly #kinds: Partial<Record<AskedKind, Growing<Asked>>> = {};
  readonly #byKind: Partial<Record<FailureKind, number>> = {};
  readonly #answers = new Map<string, Growing<Answers> & { index: number }>();
  readonly #lastRelease = new Map<number, { readonly release: string; readonly sentAt: number }>();
  readonly #sentAt: number[] = [];
  readonly #delay: number[] = [];
  readonly #asked: number[] = [];
  readonly #by: number[] = [];
  #requests = 0;
  #failed = 0;
  #delaysNow: number[] = [];
  #requestsNow = 0;
  #failedNow = 0;

  constructor(startedAt: number, keepSamples: boolean) {
    this.#startedAt = startedAt;
    this.#keepSamples = keepSamples;
  }

  /** What it was recorded as, if it failed and there is still room. */
  add(one: Ended): LoadFailure | null {
    this.#requests += 1;
    this.#requestsNow += 1;
    const kind = (this.#kinds[kindOf(one)] ??= { requests: 0, failed: 0 });
    kind.requests += 1;
    if (one.failure !== null) kind.failed += 1;
    const delay = one.took - one.asked;
    if (one.failure === null) this.#delaysNow.push(delay);
    const failure = one.failure === null ? null : this.#addFailure(one, one.failure);
    const by = one.failure === null ? this.#addAnswer(one) : -1;
    if (!this.#keepSamples) return failure;
    this.#sentAt.push(tenth(one.sentAt));
    this.#delay.push(tenth(delay));
    this.#asked.push(one.asked);
    this.#by.push(by);
    return failure;
  }

  #addFailure(one: Ended, { kind, message }: NonNullable<Ended["failure"]>): LoadFailure | null {
    this.#failed += 1;
    this.#failedNow += 1;
    this.#byKind[kind] = (this.#byKind[kind] ?? 0) + 1;
    if (this.#failures.length >= MOST_FAILURES) return null;
    const { user, method, path, sentAt, took, status, release, slot } = one;
    const answeredBy = release === null ? null : `${release}@${slot ?? "?"}`;
    const failure = { kind, sentAt, took, method, path, user, status, answeredBy, message };
    this.#failures.push(failure);
    return failure;
  }

  #addAnswer({ user, release, slot, sentAt }: Ended): number {
    const answeredBy = `${release ?? "?"}@${slot ?? "?"}`;
    if (release !== null) this.#noteRelease(user, release, sentAt);
    const known = this.#answers.get(answeredBy);
    if (known === undefined) {
      const index = this.#answers.size;
      this.#answers.set(answeredBy, {
        answeredBy,
        index,
        requests: 1,
        firstSentAt: sentAt,
        lastSentAt: sentAt,
      });
      return index;
    }
    known.requests += 1;
    known.firstSentAt = Math.min(known.firstSentAt, sentAt);
    known.lastSentAt = Math.max(known.lastSentAt, sentAt);
    return known.index;
  }

  /** In the order in which requests were sent: a slow answer from before a change is no change back. */
  #noteRelease(user: number, release: string, sentAt: number): void {
    const last = this.#lastRelease.get(user);
    if (last !== undefined && sentAt < last.sentAt) return;
    if (last !== undefined && last.release !== release && this.#changes.length < MOST_CHANGES) {
      this.#changes.push({ user, sentAt, from: last.release, to: release });
    }
    this.#lastRelease.set(user, { release, sentAt });
  }

  /** Closes a second of the report. */
  endSecond(at: number): Second {
    const second: Second = {
      at,
      requests: this.#requestsNow,
      failed: this.#failedNow,
      p50: tenth(percentile(this.#delaysNow, 0.5)),
      p99: tenth(percentile(this.#delaysNow, 0.99)),
      max: tenth(percentile(this.#delaysNow, 1)),
    };
    this.#seconds.push(second);
    this.#delaysNow = [];
    this.#requestsNow = 0;
    this.#failedNow = 0;
    return second;
  }

  report(endedAt: number): LoadReport {
    const answers = [...this.#answers.values()];
    return {
      startedAt: this.#startedAt,
      endedAt,
      requests: this.#requests,
      failed: this.#failed,
      asked: this.#kinds,
      byKind: this.#byKind,
      failures: this.#failures,
      seconds: this.#seconds,
      answers: answers.map(({ index: _index, ...one }) => one),
      changes: this.#changes,
      samples: this.#keepSamples
        ? {
            names: answers.map((one) => one.answeredBy),
            sentAt: this.#sentAt,
            delay: this.#delay,
            asked: this.#asked,
            by: this.#by,
          }
        : null,
    };
  }
}
