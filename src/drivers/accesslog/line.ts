/**
 * One line of the access log, format `g1` (drivers/nginx). Pure, and made for millions of lines: fields are
 * found by their tabs, numbers are read in place, and no text is cut out of the log.
 */

/** The fields that are read, by their place. */
const FIELDS = {
  version: 0,
  end: 1,
  duration: 2,
  status: 3,
  addresses: 8,
  responseTimes: 11,
  completion: 13,
  kind: 14,
} as const;
const FIELD_COUNT = 15;

const TAB = 9;
const DOT = 46;
const COMMA = 44;
const COLON = 58;
const SPACE = 32;
const ZERO = 48;
/** nginx notes times of its event loop; within this, two of them are the same moment. */
const SAME_MOMENT_MS = 20;
const MOST_DIGITS = 15;

/** `12.345` → 12345; −1 when it is no time. */
function readMillis(text: string, from: number, to: number): number {
  const dot = to - 4;
  if (dot <= from || to - from > MOST_DIGITS + 1 || text.charCodeAt(dot) !== DOT) return -1;
  let value = 0;
  for (let i = from; i < to; i += 1) {
    if (i === dot) continue;
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Three digits, or nothing at all (0); −1 when it is something else. */
function readStatus(text: string, from: number, to: number): number {
  if (from === to) return 0;
  if (to - from !== 3) return -1;
  let value = 0;
  for (let i = from; i < to; i += 1) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Entries of a list: `a, b` has two, `a : b` as well; an address of IPv6 has colons without blanks. */
function countEntries(text: string, from: number, to: number): number {
  if (from === to) return 0;
  let count = 1;
  for (let i = from; i < to; i += 1) {
    const code = text.charCodeAt(i);
    if ((code === COMMA || code === COLON) && text.charCodeAt(i + 1) === SPACE) count += 1;
  }
  return count;
}

/** The sum of a list of times in ms; `-` counts nothing. */
function sumMillis(text: string, from: number, to: number): number {
  let sum = 0;
  let start = from;
  for (let i = from; i <= to; i += 1) {
    const code = i === to ? COMMA : text.charCodeAt(i);
    if (code !== COMMA && code !== SPACE && code !== COLON) continue;
    if (i > start) sum += Math.max(0, readMillis(text, start, i));
    start = i + 1;
  }
  return sum;
}

/** A request that has ended: the last line that was read. The same object is filled again for each line. */
export class LineReader {
  /** Both in ms; the end since the epoch. */
  end = 0;
  duration = 0;
  /** 0: no answer. */
  status = 0;
  attempts = 0;
  /** An event stream or an upgraded connection: meant to last. */
  lasting = false;
  /** It was not answered whole, and a slot was still at it when it ended. */
  open = false;
  /** Where the fields begin; one more for the line's end. */
  readonly #starts = new Int32Array(FIELD_COUNT + 1);

  /** Reads the line text[from, to); false when it is not one of ours. */
  read(text: string, from: number, to: number): boolean {
    if (to - from < FIELD_COUNT || !text.startsWith("g1\t", from)) return false;
    if (!this.#findFields(text, from, to)) return false;
    this.end = readMillis(text, this.#start(FIELDS.end), this.#end(FIELDS.end));
    this.duration = readMillis(text, this.#start(FIELDS.duration), this.#end(FIELDS.duration));
    this.status = readStatus(text, this.#start(FIELDS.status), this.#end(FIELDS.status));
    if (this.end < 0 || this.duration < 0 || this.status < 0) return false;
    this.attempts = countEntries(text, this.#start(FIELDS.addresses), this.#end(FIELDS.addresses));
    this.lasting = this.status === 101 || !this.#isEmpty(FIELDS.kind);
    this.open = this.#isEmpty(FIELDS.completion) && this.attempts > 0 && this.#lastsToTheEnd(text);
    return true;
  }

  /** Finds the tabs; false unless there are exactly as many as there should be. */
  #findFields(text: string, from: number, to: number): boolean {
    const starts = this.#starts;
    starts[0] = from;
    let count = 1;
    for (let i = from; i < to; i += 1) {
      if (text.charCodeAt(i) !== TAB) continue;
      if (count === FIELD_COUNT) return false;
      starts[count] = i + 1;
      count += 1;
    }
    starts[FIELD_COUNT] = to + 1;
    return count === FIELD_COUNT;
  }

  #start(field: number): number {
    return this.#starts[field] ?? 0;
  }

  #end(field: number): number {
    return (this.#starts[field + 1] ?? 0) - 1;
  }

  #isEmpty(field: number): boolean {
    return this.#end(field) === this.#start(field);
  }

  /** The slots' times together reach the end of the request: the last of them had not finished before. */
  #lastsToTheEnd(text: string): boolean {
    const upstream = sumMillis(text, this.#start(FIELDS.responseTimes), this.#end(FIELDS.responseTimes));
    return upstream + SAME_MOMENT_MS >= this.duration;
  }
}
