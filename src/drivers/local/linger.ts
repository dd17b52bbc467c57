const TURNS = 10;
const TURN_MS = 50;

/**
 * How long output is still read after its process ended: half a second, for something it left behind may
 * hold the pipe open for ever. Half a second in which this process runs: one that was held up, as on a
 * machine that stands still for a moment, finds its timers due before it has read what came meanwhile.
 * Returns what ends it.
 */
export function linger(over: () => void): () => void {
  let left = TURNS;
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0) return;
    clearInterval(timer);
    over();
  }, TURN_MS);
  return () => clearInterval(timer);
}
