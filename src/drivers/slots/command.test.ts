import { expect, test } from "vitest";
import { launchLine, signalled } from "./command.ts";

const CASES = [
  { command: "node server.js", line: "exec node server.js", who: "one" },
  { command: " ./run {port} ", line: 'exec ./run "${GLIDEPATH_PORT}"', who: "one" },
  { command: "exec java -jar x.jar", line: "exec java -jar x.jar", who: "one" },
  { command: "cd web && node .", line: "cd web && node .", who: "all" },
  { command: "A=1 node .", line: "A=1 node .", who: "all" },
  { command: "node . 2>&1 | tee out", line: "node . 2>&1 | tee out", who: "all" },
] as const;

test.each(CASES)("$command is launched as $line and $who of its processes is signalled", (row) => {
  expect(launchLine(row.command)).toBe(row.line);
  expect(signalled(row.command)).toBe(row.who);
});
