import { Command, CommanderError } from "commander";
import { appError } from "../base/errors.ts";
import type { CommandRow } from "./command.ts";
import { appErrorIn, fail, type Context, type Flags } from "./context.ts";
import type { CliDeps } from "./deps.ts";
import { DONE, OPERATOR_NEEDED, USAGE } from "./exit.ts";
import { adopt } from "./commands/adopt.ts";
import { analyze } from "./commands/analyze.ts";
import { demo } from "./commands/demo.ts";
import { init } from "./commands/init.ts";
import { abort, pause, promote, resume } from "./commands/orders.ts";
import { release } from "./commands/release.ts";
import { explain } from "./commands/explain.ts";
import { check, history, plan } from "./commands/reports.ts";
import { rollback } from "./commands/rollback.ts";
import { status } from "./commands/status.ts";
import { bad, line } from "./render/text.ts";
import { print } from "./render/text.ts";

const COMMANDS: readonly CommandRow[] = [
  init,
  adopt,
  check,
  plan,
  release,
  status,
  promote,
  pause,
  resume,
  abort,
  rollback,
  history,
  explain,
  analyze,
  demo,
];

const EXIT_CODES = `
Exit codes: 0 done · 1 rolled back · 2 bad file or usage · 3 refused · 4 stuck, needs an operator
            5 interrupted: the rollout is paused or goes on, as printed`;

export interface Program {
  readonly command: Command;
  /** Runs one command line; the value is the exit code. Never throws. */
  run(args: readonly string[]): Promise<number>;
}

function flagsOf(command: Command): Flags {
  const { file, json, yes, color } = command.optsWithGlobals<
    Partial<Flags> & Pick<Flags, "file" | "color">
  >();
  return { file, json: json ?? false, yes: yes ?? false, color };
}

function addRow(
  program: Command,
  row: CommandRow,
  act: (context: Omit<Context, "deps" | "io">) => Promise<void>,
): void {
  const command = program.command(row.name).summary(row.summary).description(row.summary);
  for (const [name, help] of Object.entries(row.args ?? {})) command.argument(name, help);
  for (const { flags, help, many } of row.options ?? []) {
    if (many === true) command.option(flags, help, (one: string, all: string[]) => [...all, one], []);
    else command.option(flags, help);
  }
  command.action(async () => {
    const args = command.args.filter((arg) => arg !== undefined);
    await act({ flags: flagsOf(command), args, options: command.opts() });
  });
}

function defect(context: Context, thrown: unknown): number {
  const known = appErrorIn(thrown);
  if (known !== null) return fail(context, known);
  const what = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  fail(
    context,
    appError("rollout.stuck", `Glidepath met a defect of its own: ${what.replaceAll("\n", " ")}`, {
      hint: "please report it, with what was typed. What runs was left as it is: see `glidepath status`",
    }),
  );
  return OPERATOR_NEEDED;
}

const HELP = "`glidepath --help` lists the commands, `glidepath COMMAND --help` explains one";

/** Commander's own words, as ours are: `✗ …`, exit code 2. */
function usage(deps: CliDeps, thrown: CommanderError, json: boolean): number {
  if (thrown.exitCode === 0) return DONE;
  if (json) {
    const isHelp = thrown.code === "commander.help";
    const message = isHelp ? "no command is given" : thrown.message.replace(/^error: /, "");
    deps.io.stdout(`${JSON.stringify({ error: appError("usage", message, { hint: HELP }) })}\n`);
  }
  return USAGE;
}

function configure(program: Command, { io, version }: CliDeps): void {
  program
    .name("glidepath")
    .description("Smooth and gray releases for applications on plain Linux servers behind nginx.")
    .version(version, "-V, --version", "print the version")
    .option("--file <file>", "the application's file", "glidepath.yaml")
    .option("--json", "one JSON document on stdout; for what is followed, one event a line")
    .option("--yes", "do not ask")
    .option("--no-color", "no colours")
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .showHelpAfterError(`  → ${HELP}`)
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .addHelpText("after", EXIT_CODES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout(text),
      writeErr: (text) => io.stderr(text),
      getOutHelpWidth: () => io.columns(),
      getErrHelpWidth: () => io.columns(),
      outputError: (text, write) => {
        const words = text.replace(/^error: /, "").trimEnd();
        write(print([line(bad("✗ "), words)], { columns: 0, color: false, unicode: io.unicode }, false));
      },
    });
}

/** The command line over whatever `deps` opens. */
export function buildProgram(deps: CliDeps): Program {
  const command = new Command();
  configure(command, deps);
  let code = DONE;
  for (const row of COMMANDS) {
    addRow(command, row, async (given) => {
      const context = { deps, io: deps.io, ...given };
      code = await row.run(context).catch((thrown: unknown) => defect(context, thrown));
    });
  }
  const parse = async (args: readonly string[]): Promise<void> => {
    try {
      await command.parseAsync(args, { from: "user" });
    } catch (thrown) {
      if (!(thrown instanceof CommanderError)) throw thrown;
      code = usage(deps, thrown, args.includes("--json"));
    }
  };
  return {
    command,
    run: async (args) => {
      await parse(args);
      // An answer that nobody can read is none, whatever was done.
      return code === DONE && (await deps.io.told()) === "lost" ? USAGE : code;
    },
  };
}
