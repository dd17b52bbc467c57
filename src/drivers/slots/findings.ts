import type { Application, Host, RunSpec, Slot } from "../../model/application.ts";
import type { Finding } from "../../ports/examine.ts";

/** Less room than this below root is worth a word, in KiB. */
const LITTLE_ROOM = 1024 * 1024;

interface Looked {
  readonly run: RunSpec;
  readonly host: Host;
  /** word → the rest of its lines. */
  readonly lines: ReadonlyMap<string, readonly string[]>;
}

type Rule = (looked: Looked) => readonly Finding[];

const finding = (
  severity: Finding["severity"],
  subject: string,
  [found, todo]: readonly [string, (string | undefined)?],
): Finding => ({ severity, subject, found, todo: todo ?? null });

const all = ({ lines }: Looked, word: string): readonly string[] => lines.get(word) ?? [];
const one = (looked: Looked, word: string): string => all(looked, word)[0] ?? "";

const tools: Rule = (looked) => {
  const missing = all(looked, "missing");
  const subject = `${looked.host.name}: tools`;
  if (missing.length === 0) return [finding("fine", subject, ["all that slots need is there"])];
  const todo = "install coreutils, util-linux, grep and tar on the host";
  return [finding("fault", subject, [`missing: ${missing.join(", ")}`, todo])];
};

const root: Rule = (looked) => {
  const { root: path, name } = looked.host;
  const [what, where = ""] = splitFirst(one(looked, "root"));
  const subject = `${name}: ${path}`;
  if (what === "there") return [finding("fine", subject, ["is there and can be written"])];
  if (what === "creatable") return [finding("fine", subject, ["is not there yet; it can be made"])];
  if (what === "file") return [finding("fault", subject, [`${where} is no directory`, "move it away"])];
  const me = splitFirst(one(looked, "me"))[1] ?? "";
  return [
    finding("fault", subject, [`${where} cannot be written by ${me}`, `give ${me} a directory ${path}`]),
  ];
};

/** Whoever released before may have been another user. */
const below: Rule = (looked) =>
  all(looked, "denied").map((path) => {
    const [, me = ""] = splitFirst(one(looked, "me"));
    const todo = `give ${me} what is below ${looked.host.root}, or let Glidepath come as who owns it`;
    return finding("fault", `${looked.host.name}: ${path}`, [`cannot be written by ${me}`, todo]);
  });

const shared: Rule = (looked) =>
  all(looked, "unshared").map((entry) => {
    const subject = `${looked.host.name}: ${looked.host.root}/shared/${entry}`;
    const todo = "make it once, as the file or directory that it should be";
    return finding("fault", subject, ["is named by `shared` in the file and is not there", todo]);
  });

const room: Rule = (looked) => {
  const told = one(looked, "free");
  // A file system without blocks of its own tells of no room.
  if (told === "") return [];
  const free = Number(told);
  const subject = `${looked.host.name}: disk`;
  const found = `${Math.floor(free / 1024)} MiB free`;
  if (free >= LITTLE_ROOM) return [finding("fine", subject, [found])];
  return [finding("warning", subject, [found, "see that several releases fit, or lower artifact.keep"])];
};

const user: Rule = (looked) => {
  if (looked.run.kind === "unit") return [];
  const wanted = looked.run.user;
  const [uid, me = ""] = splitFirst(one(looked, "me"));
  const subject = `${looked.host.name}: user`;
  if (looked.run.kind === "generated" && wanted === null) {
    return [finding("fine", subject, ["one that systemd makes up"])];
  }
  if (all(looked, "nobody").length > 0) {
    return [
      finding("fault", subject, [`there is no user ${wanted ?? ""}`, `create ${wanted ?? ""} on the host`]),
    ];
  }
  if (uid !== "0" && wanted !== null && wanted !== me) {
    const who = wanted === "root" ? "root" : `${wanted} or root`;
    const todo = `let Glidepath run there as ${who}, or leave run.user out`;
    return [finding("fault", subject, [`Glidepath is ${me} and cannot run anything as ${wanted}`, todo])];
  }
  if (uid === "0" && (wanted === null || wanted === "root") && looked.run.kind !== "static") {
    return [finding("warning", subject, ["the application runs as root", "set run.user"])];
  }
  return [finding("fine", subject, [wanted ?? me])];
};

const slotRules: Rule = (looked) =>
  looked.host.slots.flatMap((slot) => [
    ...portOf(looked, slot),
    ...directoryOf(looked, slot),
    ...statusOf(looked, slot),
  ]);

/** No such command, none that may be run; else it was ended, since it did not answer. */
const UNASKABLE: ReadonlySet<string> = new Set(["126", "127"]);

/** A status command that says nothing is taken for a slot that does not run, and is stopped by nobody. */
function statusOf(looked: Looked, slot: Slot): readonly Finding[] {
  const code = about(looked, "status", slot);
  if (code === "") return [];
  const found = UNASKABLE.has(code)
    ? `cannot be run: exit code ${code}`
    : "does not answer: it was ended after 5s";
  return [
    finding("fault", `slot ${slot.key}: run.status`, [found, "try it by hand in the slot's directory"]),
  ];
}

function portOf(looked: Looked, slot: Slot): readonly Finding[] {
  if (looked.run.kind === "own" || looked.run.kind === "static") return [];
  const subject = `slot ${slot.key}`;
  const [state, who = ""] = splitFirst(about(looked, "port", slot));
  if (state === "taken") {
    const holder = who === "" ? "a process that Glidepath may not look at" : who;
    const todo =
      "stop it, also at the next boot; or, once no rollout is under way, give the slot another port";
    return [finding("fault", subject, [`port ${slot.port} is taken by ${holder}`, todo])];
  }
  const runner = looked.run.user ?? splitFirst(one(looked, "me"))[1] ?? "";
  const lowest = Number(one(looked, "lowest"));
  if (looked.run.kind === "command" && runner !== "root" && slot.port < lowest) {
    const found = `port ${slot.port} is open to root only, the application runs as ${runner}`;
    const todo = `take ports from ${lowest} up, or lower net.ipv4.ip_unprivileged_port_start`;
    return [finding("warning", subject, [found, todo])];
  }
  return [
    finding("fine", subject, [`port ${slot.port} is ${state === "ours" ? "the application's" : "free"}`]),
  ];
}

function directoryOf(looked: Looked, slot: Slot): readonly Finding[] {
  const subject = `slot ${slot.key}: ${slot.dir}`;
  const [what, found = ""] = splitFirst(about(looked, "dir", slot));
  if (what === "occupied") {
    return [finding("fault", subject, ["is neither a directory nor a link", "move it away"])];
  }
  if (what === "locked") {
    const todo = "give Glidepath's user the right to write in the directory above";
    return [finding("fault", subject, ["cannot be replaced by a link", todo])];
  }
  if (what === "dangles") {
    const name = found === "adopted" ? `adopted@${slot.port}` : found;
    const gone = `leads to ${looked.host.root}/releases/${name}, which is gone: nothing can go back to it`;
    const todo = "put it back, from a backup or from another host, or release another one";
    return [finding("fault", subject, [gone, todo])];
  }
  if (found !== "adopted") return [];
  const kept = `${looked.host.root}/releases/adopted@${slot.port}`;
  return [finding("fine", subject, [`is kept as the release adopted (${kept}) at the first release`])];
}

const LIKE = "such as /etc/systemd/system/shop@.service";

/** Who starts the slots at boot, and may we tell it? */
const systemd: Rule = (looked) => {
  const { run, host } = looked;
  if (run.kind === "own" || run.kind === "static") return [];
  const subject = `${host.name}: systemd`;
  const [uid, me = ""] = splitFirst(one(looked, "me"));
  const version = one(looked, "systemd");
  const needed = run.kind === "command" ? "fine" : "fault";
  if (version === "") {
    const found = run.kind === "command" ? "is not there: slots are not started at boot" : "is not there";
    return [finding(needed, subject, [found, run.kind === "command" ? undefined : "use run.command alone"])];
  }
  if (uid !== "0") {
    const [found, todo] = [
      `only root may tell it what to do, Glidepath is ${me}`,
      "let Glidepath be root there",
    ];
    if (run.kind !== "command") return [finding("fault", subject, [found, todo])];
    return [finding("warning", subject, [`slots are not started at boot: ${found}`, todo])];
  }
  return [finding("fine", subject, [version]), ...host.slots.flatMap((slot) => unitOf(looked, slot))];
};

function unitOf({ run, ...looked }: Looked, slot: Slot): readonly Finding[] {
  if (run.kind !== "unit") return [];
  const name = run.unit.replaceAll("{port}", String(slot.port));
  const subject = `slot ${slot.key}: ${name}`;
  const whole = { run, ...looked };
  const loaded = about(whole, "unit", slot);
  if (loaded === "not-found")
    return [finding("fault", subject, ["there is no such unit", `write it, ${LIKE}`])];
  if (loaded !== "loaded") {
    return [finding("fault", subject, [`systemd says of it: ${loaded}`, `see: systemctl status ${name}`])];
  }
  const says = (word: string): boolean => all(whole, word).includes(String(slot.port));
  const todo = "let it use %i, or PORT, which Glidepath sets";
  return [
    ...(name.includes("@") && !says("instance")
      ? [finding("warning", subject, ["does not say for which slot it is: there is no %i in it", todo])]
      : []),
    ...(says("as-root")
      ? [finding("warning", subject, ["the application runs as root", "set its User="])]
      : []),
    finding("fine", subject, ["is there"]),
  ];
}

const about = (looked: Looked, word: string, slot: Slot): string =>
  all(looked, word)
    .find((line) => line.startsWith(`${slot.port} `))
    ?.slice(String(slot.port).length + 1) ?? "";

const splitFirst = (text: string): readonly [string, string?] => {
  const at = text.indexOf(" ");
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
};

const RULES: readonly Rule[] = [tools, root, below, shared, room, user, systemd, slotRules];

export function findingsOf({ run }: Application, host: Host, output: string): readonly Finding[] {
  const lines = Map.groupBy(
    output.split("\n").filter((line) => line !== ""),
    (line) => splitFirst(line)[0],
  );
  const rest = new Map(
    [...lines].map(([word, texts]) => [word, texts.map((text) => splitFirst(text)[1] ?? "")]),
  );
  return RULES.flatMap((rule) => rule({ run, host, lines: rest }));
}
