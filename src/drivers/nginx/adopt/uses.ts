import { directivesOf, everything, filesOf, type Directive, type Placed } from "../survey.ts";

/** A location whose requests go to the upstream. */
export interface Use {
  readonly path: string;
  readonly text: string;
  readonly location: Directive;
  /** What encloses the location in its file, outermost first. */
  readonly around: readonly Directive[];
  readonly pass: Directive;
  /** What each level says, from the outermost to the location itself, with what it includes. */
  readonly levels: Levels;
}

export type Levels = readonly (readonly Directive[])[];

/** Where the upstream is used: what can be taken over, and what stands in the way, a sentence each. */
export interface Uses {
  readonly uses: readonly Use[];
  readonly obstacles: readonly string[];
}

const lineOf = (text: string, at: number): number => text.slice(0, at).split("\n").length;

/** Every directive that leads requests to a server, whatever the protocol. */
const PASSES = /^(proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass$/;

/** The upstream that a `proxy_pass` names; null: a variable or something else. */
const leadsTo = ({ args }: Directive, upstream: string): boolean =>
  new RegExp(`^(?:[a-z]+://)?${upstream.replaceAll(/[.+-]/g, String.raw`\$&`)}(?:/.*|\\$.*)?$`).test(
    args[0] ?? "",
  );

export function usesOf(dump: string, upstream: string): Uses {
  const files = filesOf(dump);
  const all = [...files].map(([path, text]) => usesIn(path, text, upstream));
  const top = everything(dump);
  const found = all.flatMap(({ uses }) => uses.map((use) => ({ use, places: placesOf(top, use) })));
  const torn = found.flatMap(({ use, places }) => tornIn(use, places));
  const uses = found.map(({ use, places: [levels] }) => withLevels(use, levels));
  const within = uses.flatMap((use) => obstaclesIn(use, { uses, files }));
  // What stands in the location itself was met in its file already.
  return {
    uses,
    obstacles: [...new Set([...all.flatMap(({ obstacles }) => obstacles), ...torn, ...within])],
  };
}

export const withLevels = (use: Use, levels: Levels | undefined): Use =>
  levels === undefined ? use : { ...use, levels };

/** The levels around the location wherever its file is included, the outermost first. */
function placesOf(top: readonly Placed[], { path, location }: Use): readonly Levels[] {
  const found: Levels[] = [];
  const visit = (all: readonly Placed[], levels: Levels): void => {
    for (const one of all) {
      const { block } = one;
      if (block === null) continue;
      if (one.file === path && one.span[0] === location.span[0]) found.push([...levels, block]);
      visit(block, [...levels, block]);
    }
  };
  visit(top, [top]);
  return found;
}

/** Of these a location has what is above only while it says none itself. */
const ENDED_BY_OURS = ["access_log", "add_header", "proxy_set_header"] as const;

/** One file in several places, with other things above: what is written into it would be wrong for one. */
function tornIn({ path, text, location }: Use, places: readonly Levels[]): readonly string[] {
  const above = places.map((levels) =>
    JSON.stringify(ENDED_BY_OURS.map((name) => nearest(levels, name).map(({ args }) => args))),
  );
  if (new Set(above).size <= 1) return [];
  const what = `location ${location.args.join(" ")} is included where other headers or logs are inherited`;
  return [`${path}:${lineOf(text, location.span[0])}: ${what}; write it into each place`];
}

/** What holds in the location by inheritance: of directives that end it, what the nearest level says. */
export const nearest = (levels: Levels, name: string): readonly Directive[] =>
  levels.map((level) => level.filter((one) => one.name === name)).findLast((found) => found.length > 0) ?? [];

export function usesIn(path: string, text: string, upstream: string): Uses {
  const uses: Use[] = [];
  const obstacles: string[] = [];
  const meet = (pass: Directive, around: readonly Directive[]): void => {
    const obstacle = obstacleOf(pass, around, upstream);
    const location = around.at(-1);
    if (obstacle !== null) obstacles.push(`${path}:${lineOf(text, pass.span[0])}: ${obstacle}`);
    else if (location !== undefined) {
      const levels = around.map(({ block }) => block ?? []);
      uses.push({ path, text, location, around: around.slice(0, -1), pass, levels });
    }
  };
  const visit = (all: readonly Directive[], around: readonly Directive[]): void => {
    for (const one of all) {
      if (PASSES.test(one.name) && leadsTo(one, upstream)) meet(one, around);
      if (one.block !== null) visit(one.block, [...around, one]);
    }
  };
  visit(directivesOf(text), []);
  const within = uses.flatMap((use) => obstaclesIn(use, { uses, files: new Map() }));
  return { uses, obstacles: [...obstacles, ...within] };
}

function obstacleOf(pass: Directive, around: readonly Directive[], upstream: string): string | null {
  const said = `${pass.name} ${pass.args.join(" ")}`;
  if (pass.name !== "proxy_pass") return `${said}: only HTTP can be taken over`;
  if (around.some(({ name }) => name === "stream")) return `${said} in stream: only HTTP can be taken over`;
  const target = pass.args[0] ?? "";
  if (target.startsWith("https:")) return `${said}: the slots would have to be asked without TLS`;
  if (target !== `http://${upstream}`) {
    return `${said}: a path or a variable behind the name cannot be taken over; use rewrite … break`;
  }
  if (around.at(-1)?.name !== "location")
    return `${said} stands in ${around.at(-1)?.name ?? "no block"}, not in a location`;
  return null;
}

/** What the snippet sets too, in a way that cannot stand beside it. */
const IN_THE_WAY: Readonly<Record<string, string>> = {
  alias: "the snippet sets root, which cannot stand beside alias",
  try_files: "the snippet sets root, where try_files would look; move proxy_pass to a location @name",
  limit_conn: "the snippet makes limit_conn of its location only count; yours would limit nobody",
};

const INSIDE =
  "what is not said inside would be the snippet's: its root, its log; write it beside this location";

/** The snippet's maps have captures of their own by the time that these are asked for. */
const NUMBERED = /\$\{?[1-9]/;
/** These are asked before, or have captures themselves. */
const OWN_CAPTURES = /^(if|rewrite|return|set|location|proxy_redirect|proxy_cookie_(domain|path))$/;

function whyNot({ name, args }: Directive): string | null {
  const numbered = args.find((arg) => NUMBERED.test(arg));
  if (numbered === undefined || OWN_CAPTURES.test(name)) return IN_THE_WAY[name] ?? null;
  const number = NUMBERED.exec(numbered)?.[0].at(-1) ?? "";
  return `$${number} would be something of the snippet's; name what it captures: (?<it>…), $it`;
}

interface Dumped {
  readonly uses: readonly Use[];
  readonly files: ReadonlyMap<string, string>;
}

/** What cannot stand beside the snippet: in the location, in what it includes, and what it inherits. */
function obstaclesIn({ path, text, levels }: Use, { uses, files }: Dumped): readonly string[] {
  const fileOf = (one: Directive): string => ("file" in one ? String(one.file) : path);
  const isUse = (one: Directive): boolean =>
    uses.some((use) => use.path === fileOf(one) && use.location.span[0] === one.span[0]);
  const inherited = ENDED_BY_OURS.flatMap((name) => nearest(levels, name));
  return [...new Set([...(levels.at(-1) ?? []), ...inherited])].flatMap((one) => {
    const why = one.name === "location" && !isUse(one) ? INSIDE : whyNot(one);
    const line = lineOf(files.get(fileOf(one)) ?? text, one.span[0]);
    return why === null ? [] : [`${fileOf(one)}:${line}: ${one.name}: ${why}`];
  });
}
