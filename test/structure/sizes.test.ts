import { describe, expect, it } from "vitest";
import { typescriptFiles } from "./files.ts";
import { readAll, sizeComplaints, sizedFunctions } from "./rules.ts";

const ours = readAll(typescriptFiles());

const share = (sorted: readonly number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? 0;

function spread(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  return [share(sorted, 0.5), share(sorted, 0.9), sorted.at(-1) ?? 0].join("/");
}

describe("the sizes of our source", () => {
  it("keep to our style: functions, parameters, files, columns", () => {
    const functions = sizedFunctions(ours).filter(({ path }) => path.startsWith("src/"));
    const files = ours.filter(({ path }) => path.startsWith("src/"));
    const longest = functions.toSorted((a, b) => b.lines - a.lines)[0];
    const largest = files.toSorted((a, b) => b.lines.length - a.lines.length)[0];
    console.log(
      `lines p50/p90/max: functions ${spread(functions.map(({ lines }) => lines))}` +
        (longest ? `, longest ${longest.name} (${longest.path}:${longest.line})` : "") +
        `; files ${spread(files.map(({ lines }) => lines.length))}` +
        (largest ? `, longest ${largest.path}` : ""),
    );
    expect(sizeComplaints(ours)).toEqual([]);
  });
});

describe("control: sizes are refused", () => {
  const complaints = (path: string, text: string) => sizeComplaints(readAll(new Map([[path, text]])));
  const body = (lines: number): string => "  f();\n".repeat(lines - 2);

  it("a function of 71 lines, of 51 in a pure room", () => {
    const text = (lines: number): string => `function long() {\n${body(lines)}}\n`;
    expect(complaints("src/cli/a.ts", text(70))).toEqual([]);
    expect(complaints("src/cli/a.ts", text(71))).toEqual(["src/cli/a.ts:1: long has 71 lines, at most 70"]);
    expect(complaints("src/rollout/a.ts", text(51))).toEqual([
      "src/rollout/a.ts:1: long has 51 lines, at most 50",
    ]);
  });
  it("an arrow and a method, with braces in texts, templates and expressions inside", () => {
    const tricky = 'const a = "}"; const b = `${"`}"}`; const c = /[}"]/;\n';
    const arrow = `const long = () => {\n${tricky}${body(70)}};\n`;
    expect(complaints("src/cli/a.ts", arrow)).toEqual(["src/cli/a.ts:1: long has 71 lines, at most 70"]);
    expect(complaints("src/cli/a.ts", `class A {\nlong() {\n${tricky}${body(70)}}\n}\n`)).toEqual([
      "src/cli/a.ts:2: long has 71 lines, at most 70",
    ]);
  });
  it("a fourth parameter", () => {
    expect(complaints("src/cli/a.ts", "const f = (a, b, c, d) => a;")).toEqual([
      "src/cli/a.ts:1: f has 4 parameters, at most 3; take an object",
    ]);
  });
  it("a file of 401 lines and a line of 111 columns", () => {
    expect(complaints("src/cli/a.ts", "f();\n".repeat(401))).toEqual([
      "src/cli/a.ts: has 401 lines, at most 400",
    ]);
    expect(complaints("src/cli/a.ts", `//${"x".repeat(109)}\n`)).toEqual([
      "src/cli/a.ts:1: has 111 columns, at most 110",
    ]);
  });
});
