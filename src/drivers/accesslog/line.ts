/**
 * One line of the access log, format `g1` (drivers/nginx). Pure, and made for millions of lines: fields are found by
 * their tabs, numbers are read in place, and no text is cut out of the log.
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

/** A request that has ended; the same object is filled again for each line. */
export interface Line {
  /** Both in ms; the end since the epoch. */
  end: number;
  duration: number;
  /** 0: no answer. */
  status: number;
  attempts: number;
  /** The whole answer was sent. */
  complete: boolean;
  /** An event stream or an upgraded connection: meant to last. */
  lasting: boolean;
  /** A slot was still at it when the request ended. */
  open: boolean;
}

export const blankLine = (): Line => ({
  end: 0,
  duration: 0,
  status: 0,
  attempts: 0,
  complete: false,
  lasting: false,
  open: false,
});

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

/** Where the fields of the line that is being read begin; one more for its end. */
const starts = new Int32Array(FIELD_COUNT + 1);

/** Finds the tabs; false unless there are exactly as many as there should be. */
function findFields(text: string, from: number, to: number): boolean {
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

const startOf = (field: number): number => starts[field] ?? 0;
const endOf = (field: number): number => (starts[field + 1] ?? 0) - 1;

/** Reads the line text[from, to) into `line`; false when it is not one of ours. */
export function readLine(line: Line, text: string, from: number, to: number): boolean {
  if (to - from < FIELD_COUNT || !text.startsWith("g1\t", from) || !findFields(text, from, to)) return false;
  const end = readMillis(text, startOf(FIELDS.end), endOf(FIELDS.end));
  const duration = readMillis(text, startOf(FIELDS.duration), endOf(FIELDS.duration));
  const status = readStatus(text, startOf(FIELDS.status), endOf(FIELDS.status));
  if (end < 0 || duration < 0 || status < 0) return false;
  line.end = end;
  line.duration = duration;
  line.status = status;
  line.attempts = countEntries(text, startOf(FIELDS.addresses), endOf(FIELDS.addresses));
  line.complete = endOf(FIELDS.completion) > startOf(FIELDS.completion);
  line.lasting = status === 101 || endOf(FIELDS.kind) > startOf(FIELDS.kind);
  line.open = !line.complete && line.attempts > 0 && isOpen(line, text);
  return true;
}

/** The slots' times together reach the end of the request: none of them had finished before. */
function isOpen(line: Line, text: string): boolean {
  const upstream = sumMillis(text, startOf(FIELDS.responseTimes), endOf(FIELDS.responseTimes));
  return upstream + SAME_MOMENT_MS >= line.duration;
}
