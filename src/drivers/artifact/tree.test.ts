import { posix } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { admit, isWrapper, OTHER_TOP, plant } from "./tree.ts";
import type { Claim, EntryKind } from "./tree.ts";

const LIMITS = { maxBytes: 1000, maxEntries: 10 };
const file = (path: string, size = 1): Claim => ({ kind: "file", path, target: "", size });
const dir = (path: string): Claim => ({ kind: "directory", path, target: "", size: 0 });
const link = (path: string, target: string): Claim => ({ kind: "symlink", path, target, size: 0 });
const hard = (path: string, target: string): Claim => ({ kind: "hardlink", path, target, size: 0 });

/** What becomes of the last of these entries: its path, or the code and words of why not. */
function fateOf(claims: readonly Claim[], wrapper: string | null = null): string {
  const tree = plant(LIMITS, wrapper);
  let fate = "";
  for (const claim of claims) {
    const admitted = admit(tree, claim);
    if (admitted.ok) fate = admitted.value === null ? "the root" : `ok ${admitted.value.path}`;
    else if (admitted.error === OTHER_TOP) return OTHER_TOP;
    else return `${admitted.error.code}: ${admitted.error.message}`;
  }
  return fate;
}

test.each([
  { id: "a file", claims: [file("a/b.txt")], fate: "ok a/b.txt" },
  { id: "dots and doubled slashes", claims: [file("./a//./b")], fate: "ok a/b" },
  { id: "the root", claims: [dir("./")], fate: "the root" },
  { id: "a name that begins with dots", claims: [file("..a/...")], fate: "ok ..a/..." },
  { id: "a name with a shell in it", claims: [file("$(reboot)'\";& -rf")], fate: "ok $(reboot)'\";& -rf" },
  { id: "a directory that comes twice", claims: [dir("a"), dir("a/")], fate: "ok a" },
  { id: "a link inside", claims: [link("a/b/c", "../../x/y")], fate: "ok a/b/c" },
  { id: "a link to the root", claims: [link("a/b", "..")], fate: "ok a/b" },
  { id: "a link to nothing that is there", claims: [link("a", "missing")], fate: "ok a" },
  { id: "a hard link to a file before it", claims: [file("a"), hard("b/c", "./a")], fate: "ok b/c" },
])("$id is allowed", ({ claims, fate }) => {
  expect(fateOf(claims)).toBe(fate);
});

test.each([
  { id: "an absolute path", claims: [file("/etc/passwd")], words: `"/etc/passwd" is an absolute path` },
  { id: "a way out", claims: [file("../x")], words: `"../x" leads out by \`..\`` },
  { id: "a way out and in again", claims: [file("a/../../a/x")], words: "leads out by `..`" },
  { id: "a way that stays inside, but has ..", claims: [file("a/../b")], words: "leads out by `..`" },
  { id: "no name", claims: [file("")], words: `"" has no name` },
  { id: "NUL", claims: [file("a\u0000b")], words: "has a control character in its name" },
  { id: "a newline", claims: [file("a\nb")], words: "has a control character in its name" },
  {
    id: "an escape of a terminal",
    claims: [file("a\u001b[2Jb")],
    words: "has a control character in its name",
  },
  { id: "an escape of one byte", claims: [file("a\u009bb")], words: "has a control character in its name" },
  { id: "a file as the root", claims: [file("./")], words: "is the root, but a file" },
  { id: "a long name", claims: [file("a".repeat(256))], words: "has a name of more than 255 bytes" },
  {
    id: "a long name of few letters",
    claims: [file("\u4e2d".repeat(86))],
    words: "has a name of more than 255 bytes",
  },
  { id: "a long path", claims: [file("a/".repeat(2500))], words: "has a path of more than 4000 bytes" },
  { id: "an absolute link", claims: [link("a", "/etc")], words: `"a" is a link to the absolute path "/etc"` },
  {
    id: "an escaping link",
    claims: [link("a/b", "../../c")],
    words: `"a/b" is a link to "../../c", which is outside`,
  },
  {
    id: "a link that escapes later",
    claims: [link("a", "b/../..")],
    words: "allowed is `..` only at the beginning",
  },
  { id: "an empty link", claims: [link("a", "")], words: "is a link to nothing" },
  { id: "a link with NUL", claims: [link("a", "b\u0000")], words: "control character in its target" },
  {
    id: "an entry through a link",
    claims: [link("a", "."), file("a/b")],
    words: `"a/b" is written through "a", which is a symlink`,
  },
  {
    id: "an entry through a chain of links",
    claims: [dir("d"), link("a", "d"), link("d/b", ".."), file("a/b/c")],
    words: `"a/b/c" is written through "a", which is a symlink`,
  },
  {
    id: "an entry under a file",
    claims: [file("a"), file("a/b")],
    words: `written through "a", which is a file`,
  },
  {
    id: "a file that comes twice",
    claims: [file("a"), file("./a")],
    words: "comes twice: a file before, a file now",
  },
  {
    id: "a link in place of a file",
    claims: [file("a"), link("a", "b")],
    words: "a file before, a symlink now",
  },
  {
    id: "a link in place of a directory",
    claims: [dir("a"), link("a", "b")],
    words: "a directory before, a symlink",
  },
  {
    id: "a link in place of what is implied",
    claims: [file("a/b"), link("a", "c")],
    words: "a directory before, a sym",
  },
  {
    id: "a directory in place of a link",
    claims: [link("a", "b"), dir("a")],
    words: "a symlink before, a directory",
  },
  {
    id: "a hard link out",
    claims: [hard("a", "../b")],
    words: `"a" is a hard link to "../b", which leads out`,
  },
  { id: "an absolute hard link", claims: [hard("a", "/etc/shadow")], words: "which is an absolute path" },
  { id: "a hard link to nothing", claims: [hard("a", "b")], words: "which is no file that came before it" },
  {
    id: "a hard link to a link",
    claims: [link("b", "c"), hard("a", "b")],
    words: "no file that came before it",
  },
  { id: "a hard link to itself", claims: [hard("a", "a")], words: "no file that came before it" },
])("$id is hostile", ({ claims, words }) => {
  const fate = fateOf(claims);
  expect(fate).toContain("artifact.hostile: the artifact's entry");
  expect(fate).toContain(words);
});

test("more bytes than allowed are refused, one less is not", () => {
  expect(fateOf([file("a", 600), file("b", 400)])).toBe("ok b");
  expect(fateOf([file("a", 600), file("b", 401)])).toContain(
    "artifact.too-large: the artifact unpacks to more than 1000",
  );
});

test("more entries than allowed are refused, those that are only implied too", () => {
  expect(fateOf([file("1/2/3/4/5/6/7/8/9/f")])).toBe("ok 1/2/3/4/5/6/7/8/9/f");
  expect(fateOf([file("1/2/3/4/5/6/7/8/9/10/f")])).toContain(
    "artifact.too-large: the artifact has more than 10",
  );
});

test.each([
  { claims: [dir("w")], fate: "the root" },
  { claims: [dir("w"), file("w/a/b")], fate: "ok a/b" },
  { claims: [file("w/a"), hard("w/b", "w/a")], fate: "ok b" },
  { claims: [file("w/a"), file("b")], fate: OTHER_TOP },
  { claims: [file("w")], fate: OTHER_TOP },
  { claims: [file("w/a"), hard("w/b", "a")], fate: OTHER_TOP },
])("with w/ taken off, the last of $claims is: $fate", ({ claims, fate }) => {
  expect(fateOf(claims, "w")).toBe(fate);
});

test("a link that leads out of what is left when the wrapper is taken off is hostile", () => {
  expect(fateOf([link("w/a", "../b")], "w")).toContain("outside the artifact");
});

test.each([
  { top: "shop-v1.2", expected: true },
  { top: "shop-1.2", expected: true },
  { top: "v1.2", expected: true },
  { top: "other-v1.2", expected: true },
  { top: "build", expected: true },
  { top: "dist", expected: false },
  { top: "shop", expected: false },
  { top: "shop1.2", expected: false },
])("the top directory $top of build.tar for v1.2 is packaging: $expected", ({ top, expected }) => {
  expect(isWrapper(top, { stem: "build", release: "v1.2" })).toBe(expected);
});

const name = fc.constantFrom("a", "b", "c");
const odd = fc.constantFrom("..", ".", "", "/", "\n");
const pathOf = (part: fc.Arbitrary<string>) =>
  fc.array(part, { maxLength: 4 }).map((parts) => parts.join("/"));
const path = pathOf(fc.oneof({ weight: 9, arbitrary: name }, { weight: 1, arbitrary: odd }));
const target = pathOf(fc.oneof(name, odd, fc.constant("..")));
const anyClaim = fc.record({
  kind: fc.constantFrom<EntryKind>("file", "directory", "symlink", "hardlink"),
  path,
  target: fc.oneof(path, target),
  size: fc.constant(1),
});

/**
 * Where the kernel would end up: follows every link it meets; null when it left the root, or when it goes in
 * circles.
 */
function follow(links: ReadonlyMap<string, string>, start: string): string | null {
  let done: string[] = [];
  const todo = start.split("/");
  for (let steps = 0; todo.length > 0; steps += 1) {
    if (steps > 200) return "";
    const name = todo.shift() ?? "";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (done.length === 0) return null;
      done = done.slice(0, -1);
      continue;
    }
    const target = links.get(posix.join(...done, name));
    if (target?.startsWith("/") === true) return null;
    if (target === undefined) done.push(name);
    else todo.unshift(...target.split("/"));
  }
  return done.join("/");
}

test("whatever an archive claims, nothing that is admitted leads outside, through any chain of links", () => {
  fc.assert(
    fc.property(fc.array(anyClaim, { maxLength: 12 }), (claims) => {
      const tree = plant({ maxBytes: 1000, maxEntries: 1000 }, null);
      const links = new Map<string, string>();
      const paths: string[] = [];
      for (const claim of claims) {
        const admitted = admit(tree, claim);
        if (!admitted.ok || admitted.value === null) continue;
        // Where it would be written, given the links that were written before it.
        expect(follow(links, posix.dirname(admitted.value.path))).toBe(
          posix.dirname(admitted.value.path).replace(/^\.$/, ""),
        );
        paths.push(admitted.value.path);
        if (claim.kind === "symlink") links.set(admitted.value.path, admitted.value.target);
      }
      for (const admitted of paths) expect(follow(links, admitted)).not.toBeNull();
    }),
    { numRuns: 1000 },
  );
});

test("the check above can fail: an escaping chain is seen", () => {
  const links = new Map([
    ["d/up", ".."],
    ["out", "d/up/../x"],
  ]);
  expect(follow(links, "out")).toBeNull();
});
