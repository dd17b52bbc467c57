import { appError, type AppError } from "../../base/errors.ts";
import { err, ok, type Result } from "../../base/result.ts";
import type { Asked, Named } from "../../model/asked.ts";
import { isIpv4, isIpv6 } from "../../spec/grammar.ts";
import type { CommandRow } from "../command.ts";
import { answer, fail, tell, withOpened, type Context } from "../context.ts";
import { DONE } from "../exit.ts";
import { explainLines, lateLines } from "../render/explain.ts";

/** How a pair is written, by the option that takes it. */
const PAIRS = {
  header: /^([A-Za-z0-9_-]+):\s*(.*?)\s*$/s,
  cookie: /^([^=;\s]+)=(.*)$/s,
  arg: /^([^=&\s]+)=(.*)$/s,
} as const;
const SHAPES = { header: "'NAME: VALUE'", cookie: "NAME=VALUE", arg: "NAME=VALUE" } as const;

function pairsOf({ options }: Context, kind: keyof typeof PAIRS): Result<readonly Named[], AppError> {
  const pairs: Named[] = [];
  const given: unknown = options[kind];
  for (const text of Array.isArray(given) ? given.map(String) : []) {
    const [, name, value] = PAIRS[kind].exec(text) ?? [];
    if (name === undefined || value === undefined) {
      return err(appError("usage", `--${kind} takes ${SHAPES[kind]}, found ${JSON.stringify(text)}`));
    }
    pairs.push({ name, value });
  }
  return ok(pairs);
}

function askedOf(context: Context): Result<Asked, AppError> {
  const [headers, cookies, args] = [
    pairsOf(context, "header"),
    pairsOf(context, "cookie"),
    pairsOf(context, "arg"),
  ];
  if (!headers.ok) return headers;
  if (!cookies.ok) return cookies;
  if (!args.ok) return args;
  const user = textOf(context, "user");
  const address = textOf(context, "address");
  if (address !== null && !isIpv4(address) && !isIpv6(address)) {
    return err(appError("usage", `--address takes an IP address, found ${JSON.stringify(address)}`));
  }
  const pairs = headers.value.length + cookies.value.length + args.value.length;
  if (user === null && address === null && pairs === 0) {
    const hint = "--user KEY, or what the request has: --header, --cookie, --arg, --address";
    return err(appError("usage", "explain whom? Neither a user nor a request is given", { hint }));
  }
  return ok({ user, address, headers: headers.value, cookies: cookies.value, args: args.value });
}

function textOf({ options }: Context, name: string): string | null {
  const value = options[name];
  return typeof value === "string" ? value : null;
}

export const explain: CommandRow = {
  name: "explain",
  summary: "which release a user or a request gets, and by which rule or bucket",
  options: [
    { flags: "--user <key>", help: "the value of the user's key, as the gateway sees it" },
    { flags: "--header <line>", help: "a header of the request: 'NAME: VALUE'", many: true },
    { flags: "--cookie <pair>", help: "a cookie of the request: NAME=VALUE", many: true },
    { flags: "--arg <pair>", help: "an argument as it stands in the address: NAME=VALUE", many: true },
    { flags: "--address <ip>", help: "where the request comes from" },
  ],
  run: async (context) => {
    const asked = askedOf(context);
    if (!asked.ok) return fail(context, asked.error);
    return withOpened(context, async (opened) => {
      const explained = await opened.explain(asked.value);
      if (!explained.ok) return fail(context, explained.error);
      const { late, ...explanation } = explained.value;
      answer(
        context,
        () => explainLines(explanation),
        () => explanation,
      );
      if (late.length > 0) tell(context, lateLines(late));
      return DONE;
    });
  },
};
