import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { keyIn, outlive, paperOf, promptsOn } from "./terminal.ts";

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

describe("a stream that fails ends nothing", () => {
  test.each([
    ["a reader that has gone is not worth a word", "EPIPE", [], "left"],
    ["nor is a terminal that was closed", "EIO", [], "left"],
    ["a full disk is told, once", "ENOSPC", ["no space left"], "lost"],
  ])("%s", (_, code, expected, stands) => {
    const told: string[] = [];
    const stream = new EventEmitter();
    const standing = outlive(stream, (what) => told.push(what));
    expect(standing()).toBe("all");
    stream.emit("error", Object.assign(new Error("no space left"), { code }));
    stream.emit("error", Object.assign(new Error("destroyed"), { code: "ERR_STREAM_DESTROYED" }));
    expect([told, standing()]).toEqual([expected, stands]);
  });
});

test("a terminal that does not tell its size is as wide as most", () => {
  expect(paperOf({ isTTY: true, columns: 0 })).toBe(80);
  expect(paperOf({ isTTY: true, columns: 40 })).toBe(40);
  expect(paperOf({ isTTY: false, columns: 0 })).toBe(Number.POSITIVE_INFINITY);
});

test.each([
  ["p", "p"],
  ["P", "p"],
  ["p\r", "p"],
  ["\r\na\r\n", "a"],
  ["pp", "p"],
  ["\u0003", "interrupt"],
  ["p\u0003", "interrupt"],
  ["\r", null],
  ["x", null],
  ["apt", null],
  ["\u001B[A", null],
])("what is typed at once, %j, answers a question by one key with %j", (typed, expected) => {
  expect(keyIn(typed, "kpa")).toBe(expected);
});
