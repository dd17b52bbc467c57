import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { jsonSchema, keysAt } from "../../src/spec/keys.ts";
import type { SchemaNode } from "../../src/spec/keys.ts";
import { referenceMarkdown } from "../../src/spec/reference.ts";

const read = (name: string): string =>
  readFileSync(new URL(`../../docs/reference/${name}`, import.meta.url), "utf8");

/** Every key of the schema, as `gateway.hosts[].name`, with its node. */
function everyKey(path: string, node: SchemaNode): readonly (readonly [string, SchemaNode])[] {
  const own = Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const at = path === "" ? key : `${path}.${key}`;
    const one = [at, child] as const;
    return [one].concat(everyKey(at, child));
  });
  const items = node.items === undefined ? [] : everyKey(`${path}[]`, node.items);
  return [...own, ...items, ...(node.anyOf ?? []).flatMap((branch) => everyKey(path, branch))];
}

describe("the generated reference", () => {
  it("is up to date: script/generate-reference writes it", () => {
    expect(read("file.md")).toBe(referenceMarkdown());
    expect(JSON.parse(read("glidepath.schema.json"))).toEqual(JSON.parse(JSON.stringify(jsonSchema())));
  });
  it("describes every key", () => {
    const keys = everyKey("", jsonSchema());
    expect(keys.length).toBeGreaterThan(90);
    expect(keys.filter(([, node]) => (node.description ?? "").length < 5).map(([key]) => key)).toEqual([]);
  });
  it("refuses unknown keys in the editor too", () => {
    const open = everyKey("", jsonSchema()).filter(
      ([, node]) => node.properties !== undefined && node.additionalProperties !== false,
    );
    expect(open.map(([key]) => key)).toEqual([]);
    expect(jsonSchema().additionalProperties).toBe(false);
  });
  it("control: knows the keys of a mapping that is one of two things", () => {
    expect(keysAt(["hosts", 3, "slots", 0])).toEqual(["port", "dir"]);
    expect(keysAt(["nothing"])).toEqual([]);
  });
});
