// Writes docs/reference/ from the parser's own schema; run by script/generate-reference.
import { mkdirSync, writeFileSync } from "node:fs";
import { jsonSchema } from "../src/spec/keys.ts";
import { referenceMarkdown } from "../src/spec/reference.ts";

const folder = new URL("../docs/reference/", import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL("file.md", folder), referenceMarkdown());
writeFileSync(new URL("glidepath.schema.json", folder), `${JSON.stringify(jsonSchema(), null, 2)}\n`);
