import { expect, test } from "vitest";
import type { Application } from "../../model/application.ts";
import type { ReleaseId } from "../../model/ids.ts";
import { formatOf, placeOf, settleFormat, stem } from "./source.ts";

const application = { directory: "/home/me/shop" } as Application;
const RELEASE = "v1.2" as ReleaseId;

test.each([
  {
    template: "https://u:p@example.com/a/shop-{release}.tgz?token=1",
    kind: "http",
    name: "shop-v1.2.tgz",
    shown: "https://example.com/a/shop-v1.2.tgz",
  },
  {
    template: "http://example.com/{release}/shop%20app.zip",
    kind: "http",
    name: "shop app.zip",
    shown: "http://example.com/v1.2/shop%20app.zip",
  },
  {
    template: "file:///builds/shop-{release}.zip",
    kind: "path",
    name: "shop-v1.2.zip",
    shown: "/builds/shop-v1.2.zip",
  },
  {
    template: "/builds/{release}/{release}.tar",
    kind: "path",
    name: "v1.2.tar",
    shown: "/builds/v1.2/v1.2.tar",
  },
  { template: "../out/{release}", kind: "path", name: "v1.2", shown: "/home/me/out/v1.2" },
])("$template is $kind $shown", ({ template, kind, name, shown }) => {
  expect(placeOf(template, RELEASE, application)).toMatchObject({ kind, name, shown });
});

test.each(["ftp://example.com/a.zip", "file://server/share/a.zip", "javascript:1"])(
  "%s is refused",
  (template) => {
    expect(() => placeOf(template, RELEASE, application)).toThrow(/cannot be fetched/);
  },
);

test.each([
  ["a.tar.gz", "tar.gz", "a"],
  ["a.TGZ", "tar.gz", "a"],
  ["a-1.2.tar.zst", "tar.zst", "a-1.2"],
  ["a.tar", "tar", "a"],
  ["a.zip", "zip", "a"],
  ["a.rar", null, "a.rar"],
])("the name %s says %s, and is %s without it", (name, format, base) => {
  expect([formatOf(name), stem(name)]).toEqual([format, base]);
});

const GZIP = Buffer.from([0x1f, 0x8b, 8]);
const ZIP = Buffer.from("PK\u0003\u0004");

test("a name that says nothing leaves it to the first bytes", () => {
  expect(settleFormat("download", GZIP)).toBe("tar.gz");
});

test.each([
  { id: "a zip called tar.gz", name: "a.tar.gz", head: ZIP, words: "a.tar.gz should be tar.gz, but is zip" },
  { id: "a page", name: "a.tar.gz", head: Buffer.from("<html>Login"), words: 'is none: "<html>Login"' },
  { id: "nothing at all", name: "a.tar.gz", head: Buffer.alloc(0), words: "a.tar.gz is empty" },
])("$id is refused in these words", ({ name, head, words }) => {
  expect(() => settleFormat(name, head)).toThrow(words);
});
