/** The known word that was probably meant; null if none is close. */
export function nearest(word: string, known: readonly string[]): string | null {
  const asked = plain(word.slice(0, 40));
  const most = Math.max(1, Math.min(3, Math.ceil(asked.length / 3)));
  const close = known
    .map((one) => ({ one, distance: distance(asked, plain(one)) }))
    .filter((candidate) => candidate.distance <= most)
    .toSorted((a, b) => a.distance - b.distance);
  return close[0]?.one ?? null;
}

/** server_name, server-name and serverName are meant alike. */
const plain = (word: string): string => word.toLowerCase().replaceAll(/[_-]/g, "");

/** Single letters added, lost, changed, or two neighbours swapped. */
function distance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const best = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, changed);
      next.push(swapped ? Math.min(best, (before[j - 2] ?? 0) + 1) : best);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
