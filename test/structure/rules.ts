// The rooms of DESIGN.md section 3 and the sizes of our style, as tables, and as functions from sources to
// complaints.
import { builtinModules } from "node:module";
import { dirname, join } from "node:path/posix";
import { type FunctionSize, type Source, type Sources, readSource } from "./source.ts";

interface Room {
  /** Other rooms that it may import. Its own files it always may. */
  readonly rooms: readonly string[];
  /** Libraries; every one when absent. */
  readonly libraries?: readonly string[];
  /** No node:*, no clock, no randomness, no async. */
  readonly pure?: boolean;
}

/** `drivers/NAME` stands for every driver. */
export const ROOMS: Readonly<Record<string, Room>> = {
  base: { rooms: [], libraries: [], pure: true },
  model: { rooms: ["base"], libraries: [], pure: true },
  spec: { rooms: ["model", "base"], libraries: ["yaml", "zod"], pure: true },
  analysis: { rooms: ["model", "base"], libraries: [], pure: true },
  rollout: { rooms: ["model", "base"], libraries: [], pure: true },
  ports: { rooms: ["model", "base"], libraries: [] },
  engine: { rooms: ["rollout", "analysis", "ports", "model", "base"] },
  "drivers/NAME": { rooms: ["ports", "model", "base"] },
  sim: { rooms: ["ports", "model", "base"] },
  "api/wire": { rooms: ["model", "base"], libraries: ["zod"], pure: true },
  "api/server": { rooms: ["api/wire", "spec", "ports", "model", "base"] },
  "api/client": { rooms: ["api/wire", "ports", "model", "base"] },
  cli: { rooms: ["spec", "ports", "model", "base"] },
  console: { rooms: ["api/wire", "base"] },
  demo: { rooms: ["spec", "ports", "model", "base"] },
};

export const SIZES = { function: 70, pureFunction: 50, file: 400, columns: 110, parameters: 3 } as const;

const MAIN = "src/main.ts";
const BUILTIN = new Set(builtinModules);

export const isTest = (path: string): boolean => path.endsWith(".test.ts");
export const readAll = (sources: Sources): readonly Source[] =>
  [...sources].map(([path, text]) => readSource(path, text));

/** `src/drivers/nginx/argv.ts` is in the room `drivers/nginx`; a file in no room gives null. */
export function roomOf(path: string): string | null {
  const [top, first, second, third] = path.split("/");
  if (top !== "src" || first === undefined || second === undefined) return null;
  if (first !== "drivers" && first !== "api") return first;
  return third === undefined ? null : `${first}/${second}`;
}

function ruleOf(room: string): Room | undefined {
  if (room === "drivers/shared") return undefined;
  return ROOMS[room.startsWith("drivers/") ? "drivers/NAME" : room];
}

/** The table of rooms: who imports whom, and which libraries. */
export function roomComplaints(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    if (!source.path.startsWith("src/") || source.path === MAIN) return [];
    const room = roomOf(source.path);
    const rule = room === null ? undefined : ruleOf(room);
    if (room === null || rule === undefined) {
      return [`${source.path}: is in no room of DESIGN.md section 3`];
    }
    return source.imports.flatMap(({ specifier, line }) => {
      const wrong = importFault({ path: source.path, room, rule, specifier });
      return wrong === null ? [] : [`${source.path}:${line}: ${wrong}`];
    });
  });
}

interface Asked {
  readonly path: string;
  readonly room: string;
  readonly rule: Room;
  readonly specifier: string;
}

function importFault({ path, room, rule, specifier }: Asked): string | null {
  if (!specifier.startsWith(".")) return libraryFault({ path, room, rule, specifier });
  const target = join(dirname(path), specifier);
  if (isTest(path) && target.startsWith("test/support/")) return null;
  const to = roomOf(target);
  if (to === room) return null;
  if (to === null) return `${room} may not import ${target}`;
  if (room.startsWith("drivers/") && to.startsWith("drivers/"))
    return `a driver may not import another: ${to}`;
  return rule.rooms.includes(to) ? null : `${room} may not import ${to}`;
}

function libraryFault({ path, room, rule, specifier }: Asked): string | null {
  if (isTest(path)) return null;
  const parts = specifier.split("/");
  const name = specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? "");
  if (specifier.startsWith("node:") || BUILTIN.has(name)) {
    return rule.pure === true ? `${room} is pure and may not import ${specifier}` : null;
  }
  if (rule.libraries === undefined || rule.libraries.includes(name)) return null;
  return `${room} may not use the library ${name}`;
}

/** Pure rooms: the same answer for the same arguments, at once. */
export function purityComplaints(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, impurities }) => {
    const room = roomOf(path);
    if (room === null || isTest(path) || ruleOf(room)?.pure !== true) return [];
    return impurities.map(({ what, line }) => `${path}:${line}: ${room} is pure and may not use ${what}`);
  });
}

/** A file is imported where it lives, never through a collection of re-exports. */
export function barrelComplaints(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path, imports, onlyReexports }) => {
      const isIndex = path.endsWith("/index.ts");
      return onlyReexports || (isIndex && imports.some((one) => one.reexport));
    })
    .map(({ path }) => `${path}: is a barrel; import from where the thing lives`);
}

/** Each circle once, as `a -> b -> a`. Type imports count: a circle of meanings is a circle. */
export function cycleComplaints(sources: readonly Source[]): string[] {
  const targets = new Map(
    sources.map(({ path, imports }) => [
      path,
      imports.filter((one) => one.specifier.startsWith(".")).map((one) => join(dirname(path), one.specifier)),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const seenAt = trail.indexOf(path);
    if (seenAt >= 0) found.push([...trail.slice(seenAt), path].join(" -> "));
    if (seenAt >= 0 || done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of targets.keys()) visit(path, []);
  return found;
}

export interface Sized extends FunctionSize {
  readonly path: string;
  readonly limit: number;
}

/** Every function but those of tests, whose cases are tables as long as they must be. */
export function sizedFunctions(sources: readonly Source[]): readonly Sized[] {
  return sources.flatMap(({ path, functions }) => {
    if (isTest(path)) return [];
    const room = roomOf(path);
    const pure = room !== null && ruleOf(room)?.pure === true;
    const limit = pure ? SIZES.pureFunction : SIZES.function;
    return functions.map((one) => Object.assign({ path, limit }, one));
  });
}

export function sizeComplaints(sources: readonly Source[]): string[] {
  const functions = sizedFunctions(sources).flatMap((one) => {
    const where = `${one.path}:${one.line}: ${one.name}`;
    const found: string[] = [];
    if (one.lines > one.limit) found.push(`${where} has ${one.lines} lines, at most ${one.limit}`);
    if (one.parameters > SIZES.parameters) {
      found.push(`${where} has ${one.parameters} parameters, at most ${SIZES.parameters}; take an object`);
    }
    return found;
  });
  const files = sources
    .filter(({ lines }) => lines.length > SIZES.file)
    .map(({ path, lines }) => `${path}: has ${lines.length} lines, at most ${SIZES.file}`);
  const columns = sources.flatMap(({ path, lines }) =>
    lines.flatMap((line, at) => {
      const width = Array.from(line).length;
      return width > SIZES.columns
        ? [`${path}:${at + 1}: has ${width} columns, at most ${SIZES.columns}`]
        : [];
    }),
  );
  return [...functions, ...files, ...columns];
}
