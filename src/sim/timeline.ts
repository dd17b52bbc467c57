import { instant, type Instant } from "../base/time.ts";

interface Event {
  readonly time: number;
  readonly sequence: number;
  readonly run: () => void;
}

/** Why time stopped moving. */
export type Halt = "until" | "limit" | "idle";

const isBefore = (a: Event, b: Event): boolean =>
  a.time === b.time ? a.sequence < b.sequence : a.time < b.time;

/** Lets everything run that waits for promises already settled. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/**
 * The only time there is: a queue of events, ordered by time and then by the order of asking. Between two
 * moments whoever was answered runs until it waits again.
 */
export class Timeline {
  #now: number;
  #sequence = 0;
  #woken = true;
  readonly #heap: Event[] = [];
  /** Events that have happened. */
  happened = 0;

  constructor(start: Instant) {
    this.#now = start;
  }

  now(): Instant {
    return instant(this.#now);
  }

  /** Something happens `ms` from now. */
  in(ms: number, run: () => void): void {
    this.#push({ time: this.#now + Math.max(0, Math.ceil(ms)), sequence: (this.#sequence += 1), run });
  }

  at(time: number, run: () => void): void {
    this.in(time - this.#now, run);
  }

  /** Somebody outside was answered: he runs before time moves on. */
  wake(): void {
    this.#woken = true;
  }

  /** Moves time on until the condition holds, or `limit`, or nothing is left that could happen. */
  async run(until: () => boolean, limit: Instant): Promise<Halt> {
    this.#woken = true;
    for (;;) {
      if (this.#woken) {
        this.#woken = false;
        await turn();
      }
      if (until()) return "until";
      const next = this.#heap[0];
      if (next === undefined) return "idle";
      if (next.time > limit) {
        this.#now = Math.max(this.#now, limit);
        return "limit";
      }
      this.#now = next.time;
      while (this.#heap[0]?.time === this.#now) {
        this.happened += 1;
        this.#pop()?.run();
      }
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = heap[up] as Event;
      if (isBefore(parent, event)) break;
      heap[index] = parent;
      index = up;
    }
    heap[index] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    this.#sink(last);
    return first;
  }

  #sink(event: Event): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Event)) child += 1;
      const least = heap[child] as Event;
      if (isBefore(event, least)) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = event;
  }
}
