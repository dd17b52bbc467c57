import { expect, test } from "vitest";
import { formatCursor, NOWHERE, parseCursor, parsePiece } from "./cursor.ts";

test("a cursor comes back as it was", () => {
  expect(parseCursor(formatCursor({ inode: "123", offset: 456 }))).toEqual({ inode: "123", offset: 456 });
});

test.each(["", "null", "1790000000", "{}", '{"inode":"a; b","offset":1}', '{"inode":"1","offset":-1}'])(
  "%j is no cursor, and so it is the beginning",
  (text) => {
    expect(parseCursor(text)).toEqual(NOWHERE);
  },
);

test("a piece says where it is from and how much really came", () => {
  expect(parsePiece("old 12 100 40 60 7\nabc\nd")).toEqual({
    state: "old",
    inode: "12",
    size: 100,
    from: 40,
    sent: 5,
    current: 7,
    text: "abc\nd",
  });
});

test.each(["", "old 12\n", "sh: 1: stat: not found\n"])("%j is no piece", (output) => {
  expect(parsePiece(output)).toBeNull();
});
