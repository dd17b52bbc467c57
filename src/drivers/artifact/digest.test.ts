import { expect, test } from "vitest";
import { digestIn } from "./digest.ts";

const A = "a".repeat(64);
const B = "b".repeat(64);
const NAME = "shop-v1.tar.gz";

test.each([
  { id: "bare", text: A, expected: A },
  { id: "bare, in capitals, with the end of a line of Windows", text: `${A.toUpperCase()}\r\n`, expected: A },
  { id: "as sha256sum writes it", text: `${A}  ${NAME}\n`, expected: A },
  { id: "as sha256sum -b writes it", text: `${A} *${NAME}\n`, expected: A },
  { id: "with a directory before the name", text: `${A}  ./dist/${NAME}\n`, expected: A },
  { id: "as BSD writes it", text: `SHA256 (${NAME}) = ${A}\n`, expected: A },
  { id: "one of many", text: `${B}  shop-v0.tar.gz\n${A}  ${NAME}\n${B}  other.zip\n`, expected: A },
  { id: "the same twice", text: `${A}  ${NAME}\n${A}  ${NAME}\n`, expected: A },
  { id: "two that differ", text: `${A}  ${NAME}\n${B}  ${NAME}\n`, expected: null },
  { id: "of another file only", text: `${A}  shop-v0.tar.gz\n`, expected: null },
  { id: "of a file whose name ends alike", text: `${A}  my-${NAME}\n`, expected: null },
  { id: "too short", text: A.slice(1), expected: null },
  { id: "a page of a proxy", text: "<html>404</html>", expected: null },
  { id: "empty", text: "", expected: null },
])("a digest $id", ({ text, expected }) => {
  expect(digestIn(text, NAME)).toBe(expected);
});
