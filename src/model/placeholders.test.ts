import { describe, expect, it } from "vitest";
import { expand, placeholdersIn } from "./placeholders.ts";

const VALUES = { port: 8001, dir: "/srv/shop/slots/8001", release: "v2", host: "web1" };

describe("placeholders", () => {
  it.each([
    ["node server.js --port {port}", "node server.js --port 8001"],
    ["{dir}/ctl {release}@{host} {release}", "/srv/shop/slots/8001/ctl v2@web1 v2"],
    ["echo ${port} ${release:-none}", "echo ${port} ${release:-none}"],
    [
      "awk '{ print $1 }' {unknown} {} {Port} {constructor}",
      "awk '{ print $1 }' {unknown} {} {Port} {constructor}",
    ],
    ["{{port}}", "{8001}"],
  ])("%j becomes %j", (template, expected) => {
    expect(expand(template, VALUES)).toBe(expected);
  });
  it("what a value contains is not looked at again", () => {
    expect(expand("{release}{port}", { release: "{port}$&", port: 1 })).toBe("{port}$&1");
  });
  it("a value that is not known stays as it is written", () => {
    expect(expand("shop-{release}-{port}.tar", { release: "v2" })).toBe("shop-v2-{port}.tar");
  });
  it("the words in braces are listed, the shell's own are not", () => {
    expect(placeholdersIn("a {port} ${HOME} {prot} { x }")).toEqual(["port", "prot"]);
  });
});
