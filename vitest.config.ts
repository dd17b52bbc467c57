import { defineConfig } from "vitest/config";

interface Suite {
  readonly name: string;
  readonly include?: readonly string[];
  /** These use ports, processes and time of the machine: one file after another, and patience. */
  readonly real?: boolean;
}

const suites: readonly Suite[] = [
  {
    name: "unit",
    include: ["src/**/*.test.ts", "test/{structure,laws,bench}/**/*.test.ts"],
  },
  { name: "contract", real: true },
  { name: "integration", real: true },
  { name: "simulation" },
  { name: "e2e", real: true },
  { name: "lab", real: true },
];

export default defineConfig({
  test: {
    passWithNoTests: true,
    projects: suites.map(({ name, include, real = false }) => ({
      test: {
        name,
        include: [...(include ?? [`test/${name}/**/*.test.ts`])],
        environment: "node",
        fileParallelism: !real,
        testTimeout: name === "unit" ? 30_000 : 120_000,
        hookTimeout: 120_000,
        execArgv: ["--disable-warning=ExperimentalWarning"],
      },
    })),
  },
});
