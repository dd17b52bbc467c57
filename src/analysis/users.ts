/**
 * Who has bet already, in a fixed number of bits. Two users may share a bit: then the second never bets,
 * whatever its role.
 */
export type Seen = readonly number[];

const BITS = 16_384;
const WORD = 32;

export const NOBODY: Seen = [];

export const hasSeen = (seen: Seen, user: number): boolean => {
  const bit = user % BITS;
  return ((seen[Math.floor(bit / WORD)] ?? 0) & (1 << (bit % WORD))) !== 0;
};

/** Marks all of them. */
export function markSeen(seen: Seen, users: readonly number[]): Seen {
  if (users.length === 0) return seen;
  const words = seen.length === 0 ? Array.from({ length: BITS / WORD }, () => 0) : [...seen];
  for (const user of users) {
    const bit = user % BITS;
    const at = Math.floor(bit / WORD);
    words[at] = (words[at] ?? 0) | (1 << (bit % WORD));
  }
  return words;
}
