import { availableParallelism } from "node:os";
import process from "node:process";
import { defineConfig } from "vitest/config";
import { seedOfSources } from "./test/support/sources.ts";

interface Suite {
  readonly name: string;
  readonly include?: readonly string[];
  /** How many files. What uses ports, processes and time of the machine is given no more than said. */
  readonly atOnce: number;
}

// These do nothing but compute. Vitest by itself leaves one processor of the machine idle.
const ALL = availableParallelism();

const suites: readonly Suite[] = [
  {
    name: "unit",
    include: ["src/**/*.test.ts", "test/{structure,laws,bench}/**/*.test.ts"],
    atOnce: ALL,
  },
  { name: "contract", atOnce: 2 },
  { name: "integration", atOnce: 3 },
  { name: "simulation", atOnce: ALL },
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
        maxWorkers: atOnce,
        // Only what hangs may come to these: a machine may be slow.
        testTimeout: 240_000,
        hookTimeout: 240_000,
        execArgv: ["--disable-warning=ExperimentalWarning"],
      },
    })),
  },
});
