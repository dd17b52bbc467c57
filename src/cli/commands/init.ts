import { appError } from "../../base/errors.ts";
import { appName } from "../../model/ids.ts";
import type { CommandRow } from "../command.ts";
import { fail, tell, type Context } from "../context.ts";
import { writeFile, type Answers } from "../../spec/example.ts";
import type { Survey } from "../deps.ts";
import { DONE, INTERRUPTED } from "../exit.ts";
import type { Question } from "../io.ts";
import { defaultsFrom, namedAfter } from "../survey.ts";
import { good, line, strong } from "../render/text.ts";

const portsOf = (text: string): readonly number[] => text.split(/[\s,]+/).map(Number);
const isPort = (port: number): boolean => Number.isInteger(port) && port >= 1 && port <= 65_535;

function refusePorts(text: string): string | null {
  const ports = portsOf(text);
  if (!ports.every(isPort)) return "ports are whole numbers from 1 to 65535, for example 8001, 8002";
  if (new Set(ports).size < ports.length) return "each slot needs a port of its own";
  return ports.length < 2 ? "a smooth release needs two slots: one serves while the other is updated" : null;
}

const refuseEmpty = (text: string): string | null =>
  text.trim() === "" ? "something must stand here" : null;

interface Asked extends Question {
  readonly put: (answers: Answers, answer: string) => Answers;
}

/**
 * At most six: everything else is a default with a comment in the file. None is longer than a narrow line: a
 * second one would stand outside the prompt's frame.
 */
export const questionsOf = (defaults: Answers): readonly Asked[] => [
  {
    message: "What is the application called?",
    initial: defaults.app,
    refuse: (text) => (appName(text) === null ? "a to z, 0 to 9 and -, beginning with a letter" : null),
    put: (answers, app) => ({ ...answers, ...namedAfter(app, answers.config.replace(/\/[^/]*$/, "")) }),
  },
  {
    message: "Where is an artifact? A URL or a path, with {release} in it",
    initial: defaults.url,
    refuse: (text) =>
      text.includes("{release}") ? null : "write {release} where the release's name belongs",
    put: (answers, url) => ({ ...answers, url }),
  },
  {
    message: "Where does it live on this machine?",
    initial: defaults.root,
    refuse: (text) => (text.startsWith("/") ? null : "an absolute path"),
    put: (answers, root) => ({ ...answers, root }),
  },
  {
    message: "On which ports? One for each slot, two or more",
    initial: defaults.ports.join(", "),
    refuse: refusePorts,
    put: (answers, text) => ({ ...answers, ports: portsOf(text) }),
  },
  {
    message: "Which command starts it? PORT is set for it; - if there is nothing to start",
    initial: defaults.command ?? "-",
    refuse: refuseEmpty,
    put: (answers, text) => ({ ...answers, command: text.trim() === "-" ? null : text.trim() }),
  },
  {
    message: "Which path answers 2xx when it is healthy? - if an open port is enough",
    initial: defaults.health,
    refuse: (text) => (text.startsWith("/") || text.trim() === "-" ? null : "a path, beginning with /, or -"),
    put: (answers, text) => ({ ...answers, health: text.trim() === "-" ? "" : text.trim() }),
  },
];

async function ask(context: Context, defaults: Answers): Promise<Answers | null> {
  const { prompts } = context.io;
  prompts.intro("A glidepath.yaml for this machine");
  let answers = defaults;
  for (const i of questionsOf(defaults).keys()) {
    const question = questionsOf(answers)[i];
    if (question === undefined) break;
    const answer = await prompts.text(question);
    if (answer === null) return null;
    answers = question.put(answers, answer.trim());
  }
  return answers;
}

/** True if the file may be written. */
async function mayWrite({ io, flags }: Context): Promise<boolean> {
  if (!io.files.exists(flags.file)) return true;
  if (!io.interactive) return false;
  return (await io.prompts.confirm(`${flags.file} is there already. Replace it?`)) === true;
}

const THERE = "name another file with --file, or move this one away";

async function run(context: Context): Promise<number> {
  const { io, deps, flags } = context;
  const asking = io.interactive && !flags.yes;
  if (!asking && !flags.yes) {
    const hint = "with --yes it takes the defaults";
    return fail(
      context,
      appError("usage", "init asks questions, and there is no terminal to ask on", { hint }),
    );
  }
  if (!(await mayWrite(context))) {
    return fail(
      context,
      appError("usage", `${flags.file} is there already; it was not touched`, { hint: THERE }),
    );
  }
  const survey: Survey | null = await deps.survey();
  const defaults = defaultsFrom(survey, io.files.here());
  const answers = asking ? await ask(context, defaults) : defaults;
  if (answers === null) return INTERRUPTED;
  io.files.write(flags.file, writeFile(answers));
  if (flags.json) io.stdout(`${JSON.stringify({ file: flags.file, answers })}\n`);
  tell(context, [
    line(good("✓ "), strong(flags.file), " is written; every key is explained in it"),
    line("  → `glidepath check` looks whether this machine is ready"),
  ]);
  return DONE;
}

export const init: CommandRow = {
  name: "init",
  summary: "ask few questions, look at the nginx of this machine, write a commented glidepath.yaml",
  run,
};
