import { describe, expect, it } from "vitest";
import { type Answer, AnswerReader } from "./answer.ts";

const lines = (...all: readonly string[]): string => all.join("\r\n");

interface Case {
  readonly name: string;
  readonly text: string;
  readonly expected: Pick<Answer, "status" | "body" | "keepAlive">;
}

const cases: readonly Case[] = [
  {
    name: "a length",
    text: lines("HTTP/1.1 200 OK", "Content-Length: 5", "", "hello"),
    expected: { status: 200, body: "hello", keepAlive: true },
  },
  {
    name: "a length and the end of the connection",
    text: lines("HTTP/1.1 502 Bad Gateway", "connection: close", "content-length: 3", "", "no\n"),
    expected: { status: 502, body: "no\n", keepAlive: false },
  },
  {
    name: "chunks",
    text: lines(
      "HTTP/1.1 200 OK",
      "Transfer-Encoding: chunked",
      "",
      "5",
      "hello",
      "b;x=1",
      " my\r\nfriend",
      "0",
      "",
      "",
    ),
    expected: { status: 200, body: "hello my\r\nfriend", keepAlive: true },
  },
  {
    name: "nothing",
    text: lines("HTTP/1.1 204 No Content", "Server: nginx", "", ""),
    expected: { status: 204, body: "", keepAlive: true },
  },
];

describe("an answer", () => {
  it.each(cases)("with $name is read whole", ({ text, expected }) => {
    expect(new AnswerReader().push(text)).toMatchObject(expected);
  });
  it.each(cases)("with $name is read byte by byte, and not a byte too early", ({ text, expected }) => {
    const reader = new AnswerReader();
    const seen = Array.from(text, (byte) => reader.push(byte));
    expect(seen.slice(0, -1).every((one) => one === null)).toBe(true);
    expect(seen.at(-1)).toMatchObject(expected);
  });
  it("without a length ends with its connection", () => {
    const reader = new AnswerReader();
    expect(reader.push(lines("HTTP/1.1 200 OK", "", "all of "))).toBeNull();
    expect(reader.push("it")).toBeNull();
    expect(reader.close()).toMatchObject({ body: "all of it", keepAlive: false });
  });
  it("that is cut is never whole", () => {
    const reader = new AnswerReader();
    expect(reader.push(lines("HTTP/1.1 200 OK", "Content-Length: 50", "", "hello"))).toBeNull();
    expect(reader.close()).toBeNull();
    expect(new AnswerReader().close()).toBeNull();
  });
  it("keeps each cookie", () => {
    const text = lines(
      "HTTP/1.1 200 OK",
      "Set-Cookie: a=1; Path=/",
      "X-Release: v2",
      "Set-Cookie: b=2",
      "Content-Length: 0",
      "",
      "",
    );
    const answer = new AnswerReader().push(text);
    expect(answer?.cookies).toEqual(["a=1; Path=/", "b=2"]);
    expect(answer?.headers.get("x-release")).toBe("v2");
  });
  it("that is no HTTP is refused", () => {
    expect(() => new AnswerReader().push("SSH-2.0-OpenSSH_9\r\n\r\n")).toThrow(
      'no HTTP answer: "SSH-2.0-OpenSSH_9"',
    );
  });
});
