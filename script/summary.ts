// Sums the vitest reports of one script/test run and prints its last line. A failed step that is no vitest
// suite, and a suite that failed without a failed test (a file that does not load, an unhandled rejection),
// count as one failure each.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const count = (value: unknown): number => (typeof value === "number" ? value : 0);

function countsOf(report: string): Counts {
  if (!existsSync(report)) return { passed: 0, failed: 0, skipped: 0 };
  const parsed: unknown = JSON.parse(readFileSync(report, "utf8"));
  const field = new Map<string, unknown>(Object.entries(parsed ?? {}));
  return {
    passed: count(field.get("numPassedTests")),
    failed: count(field.get("numFailedTests")),
    skipped: count(field.get("numPendingTests")) + count(field.get("numTodoTests")),
  };
}

const dir = process.argv[2] ?? ".";
const steps = join(dir, "failed-steps");
const total = {
  passed: 0,
  failed: existsSync(steps) ? readFileSync(steps, "utf8").trim().split("\n").length : 0,
  skipped: 0,
};
for (const file of readdirSync(dir).filter((name) => name.endsWith(".exit"))) {
  const counts = countsOf(join(dir, file.replace(/\.exit$/, ".json")));
  const content = readFileSync(join(dir, file), "utf8").trim() === "0";
  total.passed += counts.passed;
  total.failed += content ? counts.failed : Math.max(1, counts.failed);
  total.skipped += counts.skipped;
}
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
