import type { RoutingTable } from "../../model/routing.ts";
import { readConnection, type Connection } from "./inflight.ts";

/** What one look at the gateway's host found. */
export interface Look {
  /** `state/APP`, every link resolved. */
  readonly home: string;
  /** Hashes of what we wrote last, or were about to write. */
  readonly written: readonly string[];
  /** Of the config file; null when there is none. */
  readonly sha: string | null;
  /** What the config file's first line says of itself. */
  readonly mark: { readonly config: string; readonly pool: string } | null;
  readonly table: RoutingTable | null;
  /** What a location of the user's can include is there. */
  readonly snippet: boolean;
  /** The newest generation that was ever switched to here, also when nothing of ours is in nginx any more. */
  readonly newest: number;
  /** The generation was built in the same run. */
  readonly built: boolean;
  readonly hasSs: boolean;
  /** By `address port`. */
  readonly connections: ReadonlyMap<string, readonly Connection[]>;
}

export function readLook(stdout: string): Look {
  const lines = stdout.split("\n");
  const after = (key: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const mark = /^app=\S+ pool=([0-9a-f]+) config=([0-9a-f]+)$/.exec(after("mark")[0] ?? "");
  return {
    home: after("home")[0] ?? "",
    written: (after("written")[0] ?? "").split(" ").filter((hash) => hash !== ""),
    sha: after("sha")[0] ?? null,
    mark: mark === null ? null : { pool: mark[1] ?? "", config: mark[2] ?? "" },
    table: readTable(after("routing")[0]),
    snippet: lines.includes("snippet"),
    newest: Number(/^\d+$/.exec(after("newest")[0] ?? "")?.[0] ?? 0),
    built: lines.includes("built"),
    hasSs: !lines.includes("no-ss"),
    connections: readConnections(lines),
  };
}

/** Ours, written whole before it was ever pointed to; anything else there is as good as nothing. */
function readTable(json: string | undefined): RoutingTable | null {
  if (json === undefined) return null;
  try {
    const table = JSON.parse(json) as Partial<RoutingTable> | null;
    const { canary, stable, share } = table?.routing ?? {};
    const whole = Array.isArray(canary) && Array.isArray(stable) && typeof share === "number";
    return whole && typeof table?.generation === "number" ? (table as RoutingTable) : null;
  } catch {
    return null;
  }
}

/** ss prints two lines a connection: its addresses, and indented what is known of it. */
function readConnections(lines: readonly string[]): ReadonlyMap<string, readonly Connection[]> {
  const found = new Map<string, Connection[]>();
  let current: Connection[] = [];
  for (const line of lines) {
    if (line.startsWith("slot ")) {
      current = [];
      found.set(line.slice("slot ".length), current);
    } else if (/^\s+\S/.test(line)) {
      current.push(readConnection(line));
    }
  }
  return found;
}
