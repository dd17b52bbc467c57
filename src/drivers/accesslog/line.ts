import type { TrafficKind } from "../../model/drain.ts";
import { ENDED, LOGGED_KINDS } from "./logged.ts";

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
  role: 4,
  group: 5,
  key: 6,
  method: 7,
  addresses: 8,
  statuses: 9,
  completion: 13,
  kind: 14,
  received: 15,
  announced: 16,
} as const;
const FIELD_COUNT = 17;

const TAB = 9;
const DOT = 46;
const COMMA = 44;
const COLON = 58;
const SPACE = 32;
const ZERO = 48;
const LETTER_H = 72;
const SLASH = 47;
const LONGEST_LIST = 200;
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

const isDigit = (code: number): boolean => code >= ZERO && code < ZERO + 10;

/** `37/52` → 3752; −1 when it is no bucket. */
function readBucket(text: string, from: number, to: number): number {
  if (to - from !== 5 || text.charCodeAt(from + 2) !== SLASH) return -1;
  let value = 0;
  for (const place of [0, 1, 3, 4]) {
    const code = text.charCodeAt(from + place);
    if (!isDigit(code)) return -1;
    value = value * 10 + code - ZERO;
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

/** The last number of a list; -1 when there is none. */
function readLast(text: string, from: number, to: number): number {
  let value = 0;
  let factor = 1;
  for (let i = to - 1; i >= from; i -= 1) {
    const digit = text.charCodeAt(i) - ZERO;
    if (digit < 0 || digit > 9) break;
    value += digit * factor;
    factor *= 10;
  }
  return factor === 1 || to - from > LONGEST_LIST ? -1 : value;
}

/** The first of a list. */
function firstOf(text: string, from: number, to: number): string {
  const all = text.slice(from, to);
  const end = all.search(/ ?[,:] /);
  return end === -1 ? all : all.slice(0, end);
}

const ROLES = ["canary", "stable", "all", "copy", "twin"] as const;

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
  /** The slot broke off: it announced more bytes than came. */
  cut = false;
  /** The split's decision; `all` where the slot tells the role; of what is mirrored `copy` and `twin`. */
  role: (typeof ROLES)[number] = "all";
  /** The user's bucket, 0 to 9999; -1: a rule decided. */
  bucket = -1;
  #text = "";
  #kind = "";
  /** Where the fields begin; one more for the line's end. */
  readonly #starts = new Int32Array(FIELD_COUNT + 1);

  /** Reads the line text[from, to); false when it is not one of ours. */
  read(text: string, from: number, to: number): boolean {
    if (to - from < FIELD_COUNT || !text.startsWith("g1\t", from)) return false;
    const count = this.#findFields(text, from, to);
    if (count !== FIELD_COUNT) return false;
    this.end = readMillis(text, this.#start(FIELDS.end), this.#end(FIELDS.end));
    this.duration = readMillis(text, this.#start(FIELDS.duration), this.#end(FIELDS.duration));
    this.status = readStatus(text, this.#start(FIELDS.status), this.#end(FIELDS.status));
    if (this.end < 0 || this.duration < 0 || this.status < 0 || !this.#readRole(text)) return false;
    this.attempts = countEntries(text, this.#start(FIELDS.addresses), this.#end(FIELDS.addresses));
    this.#text = text;
    this.#kind = text.slice(this.#start(FIELDS.kind), this.#end(FIELDS.kind));
    this.lasting = this.status === 101 || this.#kind === "events";
    this.cut = this.#isShort(text);
    return true;
  }

  /** The slot that was tried first. */
  get address(): string {
    return firstOf(this.#text, this.#start(FIELDS.addresses), this.#end(FIELDS.addresses));
  }

  /** The slot that was tried last. */
  get lastAddress(): string {
    const all = this.#text.slice(this.#start(FIELDS.addresses), this.#end(FIELDS.addresses));
    return all.replace(/.*[,:] /, "");
  }

  /**
   * What it is, unless it came to its end or its client left: nothing, where its length was told and came. An
   * answer without a length that is whole cannot be told from one that was broken off.
   */
  get unfinished(): TrafficKind | null {
    const { status } = this;
    if (this.#kind === ENDED) return null;
    if (status === 101) return "websockets";
    const isAnswered = status >= 100 && status < 500;
    const isShut = isAnswered && this.#isEmpty(FIELDS.completion);
    if (status === 499 || isShut || (isAnswered && !this.cut && !this.#isOpen())) return null;
    return LOGGED_KINDS.get(this.#kind) ?? "requests";
  }

  /** The answer's length was not told, and it has a body. */
  #isOpen(): boolean {
    const isHead = this.#text.charCodeAt(this.#start(FIELDS.method)) === LETTER_H;
    return this.#isEmpty(FIELDS.announced) && !isHead && this.status !== 304 && this.status !== 204;
  }

  get group(): string {
    return this.#text.slice(this.#start(FIELDS.group), this.#end(FIELDS.group));
  }

  /** What the first of several attempts came to; 0: nothing. */
  get firstStatus(): number {
    const first = firstOf(this.#text, this.#start(FIELDS.statuses), this.#end(FIELDS.statuses));
    return Number.parseInt(first, 10) || 0;
  }

  #readRole(text: string): boolean {
    const [from, to] = [this.#start(FIELDS.role), this.#end(FIELDS.role)];
    const role = ROLES.find((each) => each.length === to - from && text.startsWith(each, from));
    if (role === undefined) return false;
    this.role = role;
    this.bucket = readBucket(text, this.#start(FIELDS.key), this.#end(FIELDS.key));
    return true;
  }

  /** Finds the tabs; how many fields there are. */
  #findFields(text: string, from: number, to: number): number {
    const starts = this.#starts;
    starts[0] = from;
    let count = 1;
    for (let i = from; i < to; i += 1) {
      if (text.charCodeAt(i) !== TAB) continue;
      if (count === FIELD_COUNT) return 0;
      starts[count] = i + 1;
      count += 1;
    }
    starts[count] = to + 1;
    return count;
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

  /**
   * For nginx such an answer is complete; it is incomplete when the client left. A HEAD and a 304 announce
   * what they do not bring.
   */
  #isShort(text: string): boolean {
    const isHead = text.charCodeAt(this.#start(FIELDS.method)) === LETTER_H;
    if (this.#isEmpty(FIELDS.completion) || isHead || this.status === 304) return false;
    const announced = readLast(text, this.#start(FIELDS.announced), this.#end(FIELDS.announced));
    const received = readLast(text, this.#start(FIELDS.received), this.#end(FIELDS.received));
    return received >= 0 && received < announced;
  }
}
