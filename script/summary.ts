// Sums the vitest reports of one script/test run and prints, last of all, every failure once more and the
// line that counts: whoever keeps only the end of the output sees what failed. A failed step that is no
// vitest suite, and a suite that failed without a failed test (a file that does not load, an unhandled
// rejection), count as one failure each.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed, each told in some lines. */
  readonly failures: readonly string[];
}

const LINES_OF_A_FAILURE = 12;

const nothing: Outcome = { passed: 0, failed: 0, skipped: 0, failures: [] };

const count = (value: unknown): number => (typeof value === "number" ? value : 0);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const fields = (value: unknown): Map<string, unknown> =>
  new Map<string, unknown>(Object.entries(value ?? {}));

function told(name: string, message: string): string {
  const lines = message.trim().split("\n").slice(0, LINES_OF_A_FAILURE);
  return [name, ...lines.map((line) => `    ${line}`)].join("\n");
}

/** The failed tests of one file, or that the file itself could not be run. */
function failuresOf(file: Map<string, unknown>): readonly string[] {
  const name = text(file.get("name")).replace(`${process.cwd()}/`, "");
  const failed = list(file.get("assertionResults"))
    .map((result) => fields(result))
    .filter((result) => result.get("status") === "failed")
    .map((result) =>
      told(`${name} > ${text(result.get("fullName"))}`, list(result.get("failureMessages")).join("\n")),
    );
  if (failed.length > 0 || file.get("status") !== "failed") return failed;
  return [told(name, text(file.get("message")))];
}

function outcomeOf(report: string): Outcome {
  if (!existsSync(report)) return nothing;
  const all = fields(JSON.parse(readFileSync(report, "utf8")));
  return {
    passed: count(all.get("numPassedTests")),
    failed: count(all.get("numFailedTests")),
    skipped: count(all.get("numPendingTests")) + count(all.get("numTodoTests")),
    failures: list(all.get("testResults")).flatMap((file) => failuresOf(fields(file))),
  };
}

/** A suite with which vitest was not content has failed, whatever its tests say. */
function suite(dir: string, name: string): Outcome {
  const outcome = outcomeOf(join(dir, `${name}.json`));
  const content = readFileSync(join(dir, `${name}.exit`), "utf8").trim() === "0";
  if (content || outcome.failed > 0) return outcome;
  const failures = outcome.failures.length > 0 ? outcome.failures : [`${name}: see its output above`];
  return { ...outcome, failed: 1, failures };
}

function steps(file: string): Outcome {
  if (!existsSync(file)) return nothing;
  const names = readFileSync(file, "utf8").trim().split("\n");
  return { ...nothing, failed: names.length, failures: names.map((name) => `${name}: see its output above`) };
}

const dir = process.argv[2] ?? ".";
const suites = readdirSync(dir)
  .filter((name) => name.endsWith(".exit"))
  .toSorted()
  .map((name) => suite(dir, name.replace(/\.exit$/, "")));
const total = [steps(join(dir, "failed-steps")), ...suites].reduce((sum, one) => ({
  passed: sum.passed + one.passed,
  failed: sum.failed + one.failed,
  skipped: sum.skipped + one.skipped,
  failures: [...sum.failures, ...one.failures],
}));
for (const failure of total.failures) process.stdout.write(`FAILED ${failure}\n\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
