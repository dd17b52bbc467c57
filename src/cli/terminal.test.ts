import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { promptsOn } from "./terminal.ts";

const QUESTION = { message: "What is it called?", initial: "shop", refuse: () => null };

async function answered(keys: string): Promise<string | null> {
  const input = new PassThrough();
  const output = new PassThrough();
  output.resume();
  const answer = promptsOn({ input, output }).text(QUESTION);
  input.write(keys);
  return answer;
}

describe("what a question proposes", () => {
  test.each([
    ["is taken by Enter alone", "\r", "shop"],
    ["gives way to what is typed, and is not put before it", "shop\r", "shop"],
    ["gives way to anything else", "kiosk\r", "kiosk"],
    ["is taken when all that was typed is gone again", "ab\u007F\u007F\r", "shop"],
  ])("%s", async (_, keys, expected) => {
    expect(await answered(keys)).toBe(expected);
  });
  test("is refused by the question's own rule, if it is no answer", async () => {
    const seen: string[] = [];
    const input = new PassThrough();
    const output = new PassThrough();
    output.resume();
    const refuse = (text: string): string | null => (seen.push(text), text === "shop" ? "no" : null);
    const answer = promptsOn({ input, output }).text({ ...QUESTION, refuse });
    input.write("\r");
    input.write("x");
    input.write("\r");
    expect([await answer, seen]).toEqual(["x", ["shop", "x"]]);
  });
});
