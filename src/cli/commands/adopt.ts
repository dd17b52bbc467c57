import { appError, type AppError } from "../../base/errors.ts";
import { appName } from "../../model/ids.ts";
import type { Adopter, Adoption, SiteChange } from "../../ports/adopt.ts";
import { writeFile } from "../../spec/example.ts";
import { answersFor, doubtsOf, strangersIn, type Told } from "../adoption.ts";
import type { CommandRow } from "../command.ts";
import { answer, fail, pageOf, tell, withOpened, type Context } from "../context.ts";
import type { Opened } from "../deps.ts";
import { DONE, INTERRUPTED, REFUSED } from "../exit.ts";
import { adoptionLines, changeLines, takenLines, undoneLines } from "../render/adopt.ts";
import { line } from "../render/text.ts";

const textOption = ({ options }: Context, name: string): string | null =>
  options[name] === undefined ? null : String(options[name]);

function toldOf(context: Context): Told | AppError {
  const app = textOption(context, "app");
  if (app !== null && appName(app) === null) {
    return appError("usage", `--app takes a to z, 0 to 9 and -, not ${JSON.stringify(app)}`);
  }
  const url = textOption(context, "artifact");
  if (url !== null && !url.includes("{release}")) {
    return appError("usage", "--artifact needs {release} where the release's name belongs");
  }
  return { app, url, root: textOption(context, "root"), state: textOption(context, "state") };
}

const adopterOf = (context: Context): Adopter =>
  context.deps.adopter({
    nginx: textOption(context, "nginx") ?? "nginx",
    main: textOption(context, "main"),
  });

async function run(context: Context): Promise<number> {
  if (context.options["undo"] === true) return undo(context);
  const upstream = context.args[0];
  if (upstream === undefined) {
    const hint = "for example `glidepath adopt shop`, where nginx has `upstream shop { … }`";
    return fail(context, appError("usage", "name the upstream that is to be taken over", { hint }));
  }
  const told = toldOf(context);
  if ("code" in told) return fail(context, told);
  const adopter = adopterOf(context);
  const found = await adopter.find(upstream);
  if (!found.ok) return fail(context, found.error);
  const { io, flags } = context;
  const isNew = !io.files.exists(flags.file);
  if (isNew) io.files.write(flags.file, writeFile(answersFor(found.value, told)));
  tell(
    context,
    adoptionLines(found.value, { file: flags.file, isNew, doubts: isNew ? doubtsOf(found.value) : [] }),
  );
  return withOpened(context, (opened) => propose(context, opened, { adopter, adoption: found.value }));
}

interface Proposal {
  readonly adopter: Adopter;
  readonly adoption: Adoption;
}

async function propose(context: Context, opened: Opened, proposal: Proposal): Promise<number> {
  const { flags, io } = context;
  const { application } = opened;
  if (application.gateway.mode !== "upstream") {
    const hint = "set gateway.mode to upstream there, or name another file with --file";
    return fail(context, appError("usage", `${flags.file} is not of mode upstream`, { hint }));
  }
  const strangers = strangersIn(application, proposal.adoption);
  if (strangers.length > 0) {
    const { upstream } = proposal.adoption;
    const theirs = strangers.join(", ");
    const what = `${flags.file} is of ${application.name}, whose ${theirs} is not in ${upstream}`;
    const hint = "name another file with --file, or correct hosts in this one";
    return fail(context, appError("usage", what, { hint }));
  }
  const change = proposal.adopter.change(application, proposal.adoption);
  if (!change.ok) return fail(context, change.error);
  tell(context, changeLines(change.value, pageOf(context, "stderr").columns));
  if (!flags.yes && !io.interactive) {
    const then = `\`glidepath adopt ${proposal.adoption.upstream} --yes\` takes it over`;
    tell(context, [line(`  → look at ${flags.file}, then ${then}`)]);
    if (flags.json) io.stdout(`${JSON.stringify(adoptJson(proposal.adoption, change.value, false))}\n`);
    return REFUSED;
  }
  const yes = flags.yes ? true : await io.prompts.confirm("Take it over now? No slot is touched");
  if (yes !== true) return yes === null ? INTERRUPTED : REFUSED;
  return takeOver(context, opened, { ...proposal, change: change.value });
}

const adoptJson = (adoption: Adoption, change: SiteChange, takenOver: boolean): object => ({
  upstream: adoption.upstream,
  slots: adoption.slots,
  site: change,
  takenOver,
});

/** First what runs is served by Glidepath's config too; then the user's location is led there. */
async function takeOver(
  context: Context,
  { control, application }: Opened,
  { adopter, adoption, change }: Proposal & { readonly change: SiteChange },
): Promise<number> {
  const served = await control.serveWhatRuns(context.deps.by);
  if (!served.ok) return fail(context, served.error);
  const taken = await adopter.takeOver(application, change);
  if (taken.kind !== "done") return fail(context, taken.error);
  answer(
    context,
    () => takenLines(application.name, change),
    () => adoptJson(adoption, change, true),
  );
  return DONE;
}

const undo = (context: Context): Promise<number> =>
  withOpened(context, async ({ application }) => {
    const outcome = await adopterOf(context).undo(application);
    if (outcome.kind !== "done") return fail(context, outcome.error);
    answer(
      context,
      () => undoneLines(application.name),
      () => ({ app: application.name, undone: true }),
    );
    return DONE;
  });

export const adopt: CommandRow = {
  name: "adopt",
  args: { "[upstream]": "the upstream in nginx whose servers are the copies of the application" },
  summary: "take over what this machine's nginx serves already: write glidepath.yaml, show the diff, ask",
  options: [
    { flags: "--artifact <url>", help: "where a release is fetched from, with {release} in it" },
    { flags: "--app <name>", help: "the application's name; default: the upstream's" },
    { flags: "--root <dir>", help: "where releases are kept; default: /srv/APP" },
    { flags: "--state <dir>", help: "where nothing is said: /var/lib/glidepath" },
    { flags: "--nginx <program>", help: "the nginx program" },
    { flags: "--main <file>", help: "nginx's main file" },
    { flags: "--undo", help: "put nginx's files back as they were, byte for byte" },
  ],
  run,
};
