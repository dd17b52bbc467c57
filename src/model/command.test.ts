import { expect, test } from "vitest";
import { expandPlaceholders } from "./command.ts";

const CASES = [
  { name: "nothing to replace", command: "node server.js", text: "node server.js" },
  { name: "a bare place gets quotes", command: "run -p {port}", text: 'run -p "${GLIDEPATH_PORT}"' },
  { name: "a part of a word", command: "a{port}b", text: 'a"${GLIDEPATH_PORT}"b' },
  { name: "in double quotes", command: 'run "{dir}/x"', text: 'run "${GLIDEPATH_DIR}/x"' },
  { name: "in single quotes", command: "sh -c 'cd {dir}'", text: `sh -c 'cd '"\${GLIDEPATH_DIR}"''` },
  { name: "after an escaped quote", command: 'a\\" {host}', text: 'a\\" "${GLIDEPATH_HOST}"' },
  {
    name: "a backslash does not escape in single quotes",
    command: "'\\' {host}",
    text: `'\\' "\${GLIDEPATH_HOST}"`,
  },
  {
    name: "an apostrophe in double quotes",
    command: `"it's" {release}`,
    text: `"it's" "\${GLIDEPATH_RELEASE}"`,
  },
  { name: "other braces stay", command: "{ports} {} ${port}", text: "{ports} {} ${port}" },
] as const;

test.each(CASES)("placeholders of a command: $name", ({ command, text }) => {
  expect(expandPlaceholders(command)).toBe(text);
});
