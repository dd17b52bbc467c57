import * as z from "zod";
import { fileSchema } from "./schema.ts";
import type { Path } from "./diagnostic.ts";

/** The parts of a JSON Schema that ours use. */
export interface SchemaNode {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** The JSON Schema of what a person writes. */
export function jsonSchema(): SchemaNode {
  const schema = z.toJSONSchema(fileSchema, { io: "input", target: "draft-7" });
  return {
    ...schema,
    title: "glidepath.yaml",
    description: "An application that Glidepath releases.",
  } as SchemaNode;
}

let known: SchemaNode | undefined;
/** Made once, and only when a key is unknown: it takes longer than all the rest. */
function knownSchema(): SchemaNode {
  known ??= jsonSchema();
  return known;
}

/** The keys that a mapping at this path may have. */
export function keysAt(path: Path): readonly string[] {
  let nodes: readonly SchemaNode[] = [knownSchema()];
  for (const part of path) {
    nodes = nodes.flatMap(branches).flatMap((node) => {
      const next = typeof part === "number" ? node.items : node.properties?.[part];
      return next === undefined ? [] : [next];
    });
  }
  return nodes.flatMap(branches).flatMap((node) => Object.keys(node.properties ?? {}));
}

/** A node, or what it may be. */
export const branches = (node: SchemaNode): readonly SchemaNode[] =>
  node.anyOf === undefined ? [node] : node.anyOf.flatMap(branches);
