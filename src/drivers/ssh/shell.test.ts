import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endOf, remoteLine } from "./shell.ts";

const MARK = "c0ffee";
const run = (line: string): string => execFileSync("/bin/sh", ["-c", line], { encoding: "utf8" });

describe("a command line for any login shell", () => {
  it("has in its quotes no quote, line break, exclamation mark, and no backslash but before a zero", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.array(fc.string({ unit: "binary" })), (script, args) => {
        const line = remoteLine(script, args, MARK);
        const payload = /^exec \/bin\/sh -c '[^']*' glidepath '(.*)'$/s.exec(line)?.[1] ?? "'";
        expect(payload).not.toMatch(/['\n!]|\\(?!0)/);
      }),
    );
  });

  it("gives the script its arguments as they are", () => {
    const hostile = [
      "a b",
      "it's",
      '"; exit 9',
      "$(id)",
      "`id`",
      "",
      "two\nlines\n",
      "-n",
      "\\",
      "\\n!",
      "%s",
      "é",
    ];
    const line = remoteLine(`printf '<%s>' "$@"`, hostile, MARK);
    expect(endOf(run(line), MARK)).toEqual({
      code: 0,
      stdout: hostile.map((text) => `<${text}>`).join(""),
      killed: null,
    });
  });

  it("tells the script's own exit code, and a signal from it", () => {
    expect(endOf(run(remoteLine("exit 7", [], MARK)), MARK)).toMatchObject({ code: 7, killed: null });
    expect(endOf(run(remoteLine("kill -9 $$", [], MARK)), MARK)?.killed).toBe(
      "the script was killed by SIGKILL",
    );
  });
});

describe("the end of a script", () => {
  it.each([
    { title: "nothing came", text: "", end: null },
    { title: "it has begun", text: `${MARK}\nhalf`, end: null },
    { title: "its code is cut off", text: `${MARK}\nhalf\n${MARK} `, end: null },
    { title: "its code may be cut in the middle", text: `${MARK}\nhalf\n${MARK} 1`, end: null },
    {
      title: "a login's words are before it",
      text: `welcome\n${MARK}\nout\n${MARK} 0\n`,
      end: { code: 0, stdout: "out", killed: null },
    },
    {
      title: "something left behind has written more",
      text: `${MARK}\nout\n${MARK} 3\nlate`,
      end: { code: 3, stdout: "out", killed: null },
    },
  ])("$title", ({ text, end }) => {
    expect(endOf(text, MARK)).toEqual(end);
  });
});
