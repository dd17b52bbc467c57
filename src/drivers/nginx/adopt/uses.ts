import { directivesOf, filesOf, type Directive } from "../survey.ts";

/** A location whose requests go to the upstream. */
export interface Use {
  readonly path: string;
  readonly text: string;
  readonly location: Directive;
  /** What encloses the location in its file, outermost first. */
  readonly around: readonly Directive[];
  readonly pass: Directive;
}

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
  const all = [...filesOf(dump)].map(([path, text]) => usesIn(path, text, upstream));
  return { uses: all.flatMap(({ uses }) => uses), obstacles: all.flatMap(({ obstacles }) => obstacles) };
}

export function usesIn(path: string, text: string, upstream: string): Uses {
  const uses: Use[] = [];
  const obstacles: string[] = [];
  const meet = (pass: Directive, around: readonly Directive[]): void => {
    const obstacle = obstacleOf(pass, around, upstream);
    const location = around.at(-1);
    if (obstacle !== null) obstacles.push(`${path}:${lineOf(text, pass.span[0])}: ${obstacle}`);
    else if (location !== undefined) {
      uses.push({ path, text, location, around: around.slice(0, -1), pass });
    }
  };
  const visit = (all: readonly Directive[], around: readonly Directive[]): void => {
    for (const one of all) {
      if (PASSES.test(one.name) && leadsTo(one, upstream)) meet(one, around);
      if (one.block !== null) visit(one.block, [...around, one]);
    }
  };
  visit(directivesOf(text), []);
  return { uses, obstacles: [...obstacles, ...uses.flatMap(obstaclesIn)] };
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
  limit_conn: "the snippet makes limit_conn of its location only count; put yours into the server block",
};

function obstaclesIn({ path, text, location }: Use): readonly string[] {
  return (location.block ?? []).flatMap((one) => {
    const why = IN_THE_WAY[one.name];
    return why === undefined ? [] : [`${path}:${lineOf(text, one.span[0])}: ${one.name}: ${why}`];
  });
}
