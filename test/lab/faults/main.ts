// The table of faults. Runs every cell, or those whose names begin so, and writes docs/faults.md anew:
//   script/run node test/lab/faults/main.ts [CELL...]
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CELLS, type Cell } from "./cells.ts";
import { type Row, runCell } from "./run-cell.ts";
import { pageOf } from "./table.ts";
import { openWorld, unrest, type World } from "./world.ts";

/** One file a cell, of its last run: the table is made of these. */
const RESULTS = fileURLToPath(new URL("../../../fault-results", import.meta.url));
const PAGE = fileURLToPath(new URL("../../../docs/faults.md", import.meta.url));
const fileOf = (name: string): string => join(RESULTS, `${name}.json`);

const begins = process.argv.slice(2);
const cells = CELLS.filter(({ name }) => begins.length === 0 || begins.some((one) => name.startsWith(one)));

async function run(world: World, cell: Cell): Promise<Row | null> {
  try {
    return await runCell(world, cell);
  } catch (error) {
    console.error(`   ${String(error)}`);
    return null;
  }
}

const line = ({ cell, outcome, exit, onTheHost, atItsGateway, others, slots, tookMs, reason }: Row): string =>
  `   ${cell.name}: ${outcome} (exit ${exit}) after ${tookMs} ms; failed ${onTheHost} + ${atItsGateway}, ` +
  `others ${others.length}; ${slots}; ${reason}`;

function writePage(versions: string): void {
  const known = CELLS.map(({ name }) => fileOf(name)).filter((file) => existsSync(file));
  const rows = known.map((file) => JSON.parse(readFileSync(file, "utf8")) as Row);
  writeFileSync(PAGE, pageOf(rows, versions));
  if (rows.length < CELLS.length)
    console.error(`${CELLS.length - rows.length} cells of the page were never run`);
}

mkdirSync(RESULTS, { recursive: true });
let world = await openWorld();
try {
  for (const cell of cells) {
    console.error(`${new Date().toISOString()} ${cell.name}`);
    const row = await run(world, cell);
    if (row !== null) {
      console.error(line(row));
      writeFileSync(fileOf(cell.name), `${JSON.stringify(row, null, 2)}\n`);
    }
    // What is not as before is made anew, so that no cell suffers from another.
    const wrong = await unrest(world);
    if (wrong === null) continue;
    console.error(`   new hosts: ${wrong}`);
    await world.close();
    world = await openWorld();
  }
  writePage(await world.versions());
} finally {
  await world.close();
}
