import { appError, type AppError } from "../../base/errors.ts";
import { seconds } from "../../base/time.ts";
import type { Finding } from "../../ports/examine.ts";
import { askConfig } from "./control.ts";
import { isIncluded, lossesBy } from "./doors.ts";
import type { Look } from "./look.ts";
import { controlOf, homeOf, snippetOf, type Place, type Site } from "./place.ts";
import { DUMP_RUNNING, READ } from "./scripts.ts";
import { filesOf } from "./survey.ts";

type Files = ReadonlyMap<string, string>;

/**
 * Why `wanted` cannot come: what nginx answers now would not be answered as before. null also when nginx
 * cannot tell its config: whoever installs finds that out, and says so.
 */
export async function unservedBy(place: Place, seen: Look, wanted: string): Promise<AppError | null> {
  const files = await filesNow(place, seen);
  return files === null ? null : unserved(place, { files, wanted, hasSnippet: seen.snippet });
}

/** What is still to be written in mode `upstream`, so that nginx's users reach the application. */
export async function notIncluded(place: Place): Promise<Finding | null> {
  const files = place.application.gateway.mode === "upstream" ? await dump(place) : null;
  return files === null || isIncluded(place, files) ? null : { ...lackOf(place), severity: "warning" };
}

interface Wanting {
  readonly files: Files;
  readonly wanted: string;
  /** There is something to include. */
  readonly hasSnippet: boolean;
}

/** The same words for `check`, `plan` and a release. */
export function unserved(site: Site, { files, wanted, hasSnippet }: Wanting): AppError | null {
  const losses = lossesBy(site, { files, wanted });
  if (losses.length === 0) return null;
  const { gateway, application } = site;
  const { mode } = application.gateway;
  const message = `${gateway.name}: with gateway.mode ${mode}, requests that nginx answers now would be lost`;
  return appError("gateway.unserved", message, {
    details: losses.join("\n"),
    hint: mode === "server" ? COVERED : leftOpen(site, hasSnippet),
  });
}

/** Where nothing would be written any more what we wrote still leads by a switch that nobody would turn. */
export const stillOurs = ({ gateway }: Site): AppError =>
  appError(
    "gateway.unserved",
    `${gateway.name}: nginx serves by ${gateway.config}, which gateway.passive would leave as it is for ever`,
    {
      hint:
        "write an upstream with the slots and a server{} of your own beside it, then remove " +
        `${gateway.config} and reload nginx: nobody is cut off, and releases can be passive. ` +
        "Or leave gateway.passive out",
    },
  );

const COVERED =
  "if Glidepath's server{} shall take the place of yours, move yours out of nginx's include without a " +
  "reload, then release: both change in its one reload. Else keep gateway.mode: upstream";

function leftOpen(site: Site, hasSnippet: boolean): string {
  const line = `\`include ${snippetOf(site)};\``;
  const first = hasSnippet
    ? ""
    : "set gateway.mode back to server and release once, which writes that file; ";
  return (
    `${first}write a server{} of your own that listens there, with ${line} in its location, and reload ` +
    "nginx (its warning of a conflicting server name goes with this release); then release again"
  );
}

/** Until a location of the user's includes it. */
export function lackOf(site: Site): Finding {
  const snippet = snippetOf(site);
  return {
    severity: "fault",
    subject: `${site.gateway.name}: nginx`,
    found: `no location includes ${snippet}: releases do not reach nginx's users`,
    todo: `write \`include ${snippet};\` in your location, and reload nginx`,
  };
}

/** With our file where nginx runs it still although somebody has removed it; without, where it does not. */
async function filesNow(place: Place, { sha }: Look): Promise<Files | null> {
  const files = await dump(place);
  if (files === null || sha !== null || (await askConfig(controlOf(place))) === null) return files;
  const args = [`${homeOf(place)}/written.conf`];
  const written = await place.host.run({ script: READ, args, timeout: seconds(10) });
  if (written.kind === "lost" || written.code !== 0) return files;
  return new Map([...files, [place.gateway.config, written.stdout]]);
}

/** null: nothing can be said, nor refused for it. */
async function dump({ host, gateway }: Place): Promise<Files | null> {
  const args = [gateway.main, gateway.nginx];
  const reply = await host.run({ script: DUMP_RUNNING, args, timeout: seconds(20) });
  const files = reply.kind === "exited" && reply.code === 0 ? filesOf(reply.stdout) : null;
  return files === null || files.size === 0 ? null : files;
}
