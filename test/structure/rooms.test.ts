import { describe, expect, it } from "vitest";
import { typescriptFiles } from "./files.ts";
import { barrelComplaints, cycleComplaints, purityComplaints, readAll, roomComplaints } from "./rules.ts";

const ours = readAll(typescriptFiles());
const made = (files: Record<string, string>) => readAll(new Map(Object.entries(files)));

describe("the rooms of our source", () => {
  it("import only what the table of DESIGN.md section 3 allows", () => {
    expect(roomComplaints(ours)).toEqual([]);
  });
  it("are pure where they say so", () => {
    expect(purityComplaints(ours)).toEqual([]);
  });
  it("import in no circle", () => {
    expect(cycleComplaints(ours)).toEqual([]);
  });
  it("have no barrels", () => {
    expect(barrelComplaints(ours)).toEqual([]);
  });
});

describe("control: the table of rooms refuses", () => {
  const from = (path: string, specifier: string) => made({ [path]: `import { a } from "${specifier}";` });
  it.each([
    ["src/base/a.ts", "../model/b.ts", "src/base/a.ts:1: base may not import model"],
    ["src/base/a.ts", "zod", "src/base/a.ts:1: base may not use the library zod"],
    ["src/model/a.ts", "../rollout/b.ts", "src/model/a.ts:1: model may not import rollout"],
    ["src/rollout/a.ts", "../analysis/b.ts", "src/rollout/a.ts:1: rollout may not import analysis"],
    ["src/rollout/a.ts", "node:fs", "src/rollout/a.ts:1: rollout is pure and may not import node:fs"],
    ["src/spec/a.ts", "fs", "src/spec/a.ts:1: spec is pure and may not import fs"],
    ["src/engine/a.ts", "../drivers/nginx/b.ts", "src/engine/a.ts:1: engine may not import drivers/nginx"],
    ["src/sim/a.ts", "../engine/b.ts", "src/sim/a.ts:1: sim may not import engine"],
    ["src/cli/a.ts", "../engine/b.ts", "src/cli/a.ts:1: cli may not import engine"],
    ["src/cli/a.ts", "../main.ts", "src/cli/a.ts:1: cli may not import src/main.ts"],
    ["src/cli/a.ts", "../../test/support/b.ts", "src/cli/a.ts:1: cli may not import test/support/b.ts"],
    ["src/console/a.ts", "../model/b.ts", "src/console/a.ts:1: console may not import model"],
    [
      "src/drivers/ssh/a.ts",
      "../nginx/b.ts",
      "src/drivers/ssh/a.ts:1: a driver may not import another: drivers/nginx",
    ],
    ["src/drivers/shared/a.ts", "./b.ts", "src/drivers/shared/a.ts: is in no room of DESIGN.md section 3"],
    ["src/drivers/a.ts", "./b.ts", "src/drivers/a.ts: is in no room of DESIGN.md section 3"],
    ["src/helpers/a.ts", "./b.ts", "src/helpers/a.ts: is in no room of DESIGN.md section 3"],
    ["src/helper.ts", "./b.ts", "src/helper.ts: is in no room of DESIGN.md section 3"],
    ["src/base/a.test.ts", "../model/b.ts", "src/base/a.test.ts:1: base may not import model"],
  ])("%s importing %s", (path, specifier, complaint) => {
    expect(roomComplaints(from(path, specifier))).toEqual([complaint]);
  });

  it.each([
    ["src/main.ts", "./drivers/nginx/b.ts"],
    ["src/spec/a.ts", "zod"],
    ["src/model/a.ts", "../base/b.ts"],
    ["src/drivers/ssh/a.ts", "./b.ts"],
    ["src/drivers/ssh/a.ts", "node:fs"],
    ["src/base/a.test.ts", "fast-check"],
    ["src/base/a.test.ts", "../../test/support/b.ts"],
  ])("but not %s importing %s", (path, specifier) => {
    expect(roomComplaints(from(path, specifier))).toEqual([]);
  });

  it.each([
    `export { a } from "../model/b.ts";`,
    `export * from "../model/b.ts";`,
    `import type { A } from "../model/b.ts";`,
    `type A = import("../model/b.ts").A;`,
    `const a = import("../model/b.ts");`,
  ])("however it is written: %s", (text) => {
    expect(roomComplaints(made({ "src/base/a.ts": text }))).toEqual([
      "src/base/a.ts:1: base may not import model",
    ]);
  });
});

describe("control: a pure room is refused", () => {
  it.each([
    ["Date.now();", "Date.now"],
    ["new Date();", "new Date()"],
    ["Math.random();", "Math.random"],
    ["performance.now();", "performance"],
    ["setTimeout(f, 1);", "setTimeout"],
    ["const f = async () => 1;", "async"],
    ["async function f() {}", "async"],
    ["const o = { async m() {} };", "async"],
    ["await x;", "await"],
    ["let p: Promise<void>;", "Promise"],
    ["process.env;", "process.env"],
  ])("%s", (text, what) => {
    expect(purityComplaints(made({ "src/rollout/a.ts": text }))).toEqual([
      `src/rollout/a.ts:1: rollout is pure and may not use ${what}`,
    ]);
    expect(purityComplaints(made({ "src/engine/a.ts": text }))).toEqual([]);
  });
  it("but not a word in a comment or a text, nor a property of that name", () => {
    const text = `// await Date.now()\nconst a = "async"; const b = { fetch: 1 }; b.fetch; new Date(0);`;
    expect(purityComplaints(made({ "src/rollout/a.ts": text }))).toEqual([]);
  });
});

describe("control: circles and barrels", () => {
  it("a circle over three files is found once", () => {
    const files = made({
      "src/base/a.ts": `import { b } from "./b.ts";`,
      "src/base/b.ts": `import type { c } from "./c.ts";`,
      "src/base/c.ts": `import { a } from "./a.ts";`,
    });
    expect(cycleComplaints(files)).toEqual([
      "src/base/a.ts -> src/base/b.ts -> src/base/c.ts -> src/base/a.ts",
    ]);
  });
  it("a file of re-exports is a barrel, under any name", () => {
    const text = `export * from "./b.ts";\nexport { c } from "./c.ts";`;
    expect(barrelComplaints(made({ "src/base/all.ts": text }))).toHaveLength(1);
    expect(barrelComplaints(made({ "src/base/index.ts": `${text}\nexport const a = 1;` }))).toHaveLength(1);
  });
});
