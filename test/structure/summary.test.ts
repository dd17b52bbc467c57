import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let reports: string;
beforeEach(() => {
  reports = mkdtempSync(join(tmpdir(), "glidepath-summary-"));
});
afterEach(() => {
  rmSync(reports, { recursive: true });
});

/** As vitest reports one file with a test for each outcome. */
const report = (...statuses: readonly string[]): object => ({
  numPassedTests: statuses.filter((status) => status === "passed").length,
  numFailedTests: statuses.filter((status) => status === "failed").length,
  numPendingTests: statuses.filter((status) => status === "pending").length,
  numTodoTests: 0,
  testResults: [
    {
      name: join(process.cwd(), "test/some.test.ts"),
      status: statuses.includes("failed") ? "failed" : "passed",
      message: "",
      assertionResults: statuses.map((status, index) => ({
        status,
        fullName: `test ${index}`,
        failureMessages: status === "failed" ? ["Error: expected 1\n  found 2"] : [],
      })),
    },
  ],
});

function write(suite: string, exit: number, content?: object): void {
  writeFileSync(join(reports, `${suite}.exit`), `${exit}\n`);
  if (content !== undefined) writeFileSync(join(reports, `${suite}.json`), JSON.stringify(content));
}

function summary(): { readonly lines: readonly string[]; readonly code: number | null } {
  const { stdout, status } = spawnSync(process.execPath, ["script/summary.ts", reports], {
    encoding: "utf8",
  });
  return { lines: stdout.trimEnd().split("\n"), code: status };
}

describe("the last lines of all suites", () => {
  it("are one when nothing failed", () => {
    write("unit", 0, report("passed", "passed"));
    write("lab", 0, report("passed", "pending"));
    expect(summary()).toEqual({ lines: ["3 passed, 0 failed, 1 skipped"], code: 0 });
  });

  it("tell every failure once more, with its file and its words", () => {
    write("unit", 0, report("passed"));
    write("lab", 1, report("passed", "failed"));
    expect(summary()).toEqual({
      lines: [
        "FAILED test/some.test.ts > test 1",
        "    Error: expected 1",
        "      found 2",
        "",
        "2 passed, 1 failed, 0 skipped",
      ],
      code: 1,
    });
  });

  it("tell of a file that could not be run", () => {
    const file = {
      name: "broken.test.ts",
      status: "failed",
      message: "SyntaxError: no",
      assertionResults: [],
    };
    write("lab", 1, { ...report("passed"), testResults: [file] });
    const { lines, code } = summary();
    expect(lines.slice(0, 2)).toEqual(["FAILED broken.test.ts", "    SyntaxError: no"]);
    expect([lines.at(-1), code]).toEqual(["1 passed, 1 failed, 0 skipped", 1]);
  });

  it("count a suite that ended badly without a failed test, and a step that is no suite", () => {
    write("unit", 1, report("passed"));
    write("lab", 137);
    writeFileSync(join(reports, "failed-steps"), "lint\n");
    const { lines, code } = summary();
    expect(lines.filter((line) => line.startsWith("FAILED"))).toEqual([
      "FAILED lint: see its output above",
      "FAILED lab: see its output above",
      "FAILED unit: see its output above",
    ]);
    expect([lines.at(-1), code]).toEqual(["1 passed, 3 failed, 0 skipped", 1]);
  });
});
