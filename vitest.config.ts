import process from "node:process";
import { defineConfig } from "vitest/config";
import { seedOfSources } from "./test/support/sources.ts";

interface Suite {
  readonly name: string;
  readonly include?: readonly string[];
  /** These use ports, processes and time of the machine: patience, and no more files at once than said. */
  readonly atOnce?: number;
}

const suites: readonly Suite[] = [
  {
    name: "unit",
    include: ["src/**/*.test.ts", "test/{structure,laws,bench}/**/*.test.ts"],
  },
  { name: "contract", atOnce: 2 },
  { name: "integration", atOnce: 3 },
  { name: "simulation" },
  { name: "lab", atOnce: 1 },
];

const seed = process.env["GLIDEPATH_SEED"] ?? String(seedOfSources());

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: suites.map(({ name, include, atOnce }) => ({
      test: {
        name,
        include: [...(include ?? [`test/${name}/**/*.test.ts`])],
        environment: "node",
        env: { GLIDEPATH_SEED: seed },
        setupFiles: ["test/support/seeded.ts"],
        ...(atOnce === undefined ? {} : { maxWorkers: atOnce }),
        // Only what hangs may come to these: a machine may be slow.
        testTimeout: 240_000,
        hookTimeout: 240_000,
        execArgv: ["--disable-warning=ExperimentalWarning"],
      },
    })),
  },
});
