// The table as a page for people. Nothing in it is written by hand.
import { type Cell, FAULTS, type Fault } from "./cells.ts";
import type { Row } from "./run-cell.ts";

export const COMMAND = "script/run node test/lab/faults/main.ts";

const TITLES: Readonly<Record<Fault, string>> = {
  network: "The host's network is cut",
  power: "The host's power is cut",
  reboot: "The host is rebooted",
  nginx: "nginx is killed on one gateway",
  disk: "The host's disk is full",
};

const row = (...cells: readonly string[]): string => `| ${cells.map(plain).join(" | ")} |`;
const plain = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

/** The host died, or nginx on it: who asked that gateway then is no concern of the other one. */
const failedOf = ({ onTheHost, atItsGateway, others }: Row): readonly string[] => [
  String(onTheHost),
  String(atItsGateway),
  others.length === 0 ? "0" : `**${others.length}**`,
];

const endOf = ({ slots, coherent, afterwards }: Row): string =>
  `${slots}${coherent ? "" : " (**half and half**)"}${afterwards === "" ? "" : `; then ${afterwards}`}`;

const outcomeOf = ({ outcome, exit, tookMs }: Row): readonly string[] => [
  `${outcome} (exit ${exit})`,
  `${Math.round(tookMs / 1000)} s`,
];

const HEAD = [
  row(
    "phase",
    "host",
    "outcome",
    "ended after",
    "failed: on it",
    "at its gateway",
    "others",
    "slots at the end",
    "what the operator was told",
  ),
  row(...Array.from({ length: 9 }, () => "---")),
];

/** Whose machine it was is nobody's business. */
const told = ({ reason }: Row): string => reason.replace(/^\S+@\S+ asked/, "an operator asked");

const lineOf = (one: Row, first: string): string =>
  row(first, one.cell.host, ...outcomeOf(one), ...failedOf(one), endOf(one), told(one));

const section = (title: string, rows: readonly Row[], first: (cell: Cell) => string): readonly string[] =>
  rows.length === 0
    ? []
    : [`## ${title}`, "", ...HEAD, ...rows.map((one) => lineOf(one, first(one.cell))), ""];

const total = (rows: readonly Row[], of: (one: Row) => number): number =>
  rows.reduce((sum, one) => sum + of(one), 0);

function summary(rows: readonly Row[], versions: string): readonly string[] {
  const dates = rows.map(({ date }) => date.slice(0, 10)).toSorted();
  const days = [...new Set([dates[0] ?? "", dates.at(-1) ?? ""])].join(" to ");
  const others = total(rows, (one) => one.others.length);
  const coherent = rows.filter((one) => one.coherent).length;
  const passing = rows.filter((one) => !isLasting(one));
  const reloaded = passing.filter((one) => one.reloaded.length > 0).length;
  return [
    `Made by \`${COMMAND}\` on ${days} (${versions}). ` +
      "Each row is the last run of its cell, by the real command.",
    "",
    `**${rows.length} runs, ${total(rows, ({ requests }) => requests)} requests: ` +
      `${total(rows, (one) => one.onTheHost)} failed on the host that died, ` +
      `${total(rows, (one) => one.atItsGateway)} at its gateway, ${others} for another reason. ` +
      `At the end ${coherent} of ${rows.length} ran one release in every slot that could be asked. ` +
      `Of the ${passing.length} in which the host came back, ${reloaded} had a gateway reload its nginx.**`,
  ];
}

const INTRODUCTION = `
Six hosts with systemd, reached by ssh; one slot on each, and a gateway on two of them (gate1, gate2).
Requests flow through both gateways (20 % POST, 5 % take half a second) while \`glidepath release\` goes by
25 % and 50 % to 100 %. In the phase named one host is struck; five seconds later the cause is gone: the
network is back, the host boots, nginx is started, the disk has room.

- *on it*: failed requests that a living gateway had sent to the host that died: what was in flight there.
- *at its gateway*: failed requests of clients that asked the gateway that was down or cut off. A balancer
  or DNS before the gateways is not part of this.
- *others*: all other failed requests. There must be none.
- *slots at the end*: what every slot answers when it is asked directly, once the command has ended. Of a
  host that stays dead or full nothing is counted. *then*: what an operator does afterwards, and what
  comes of it.
`;

const isLasting = ({ cell }: Row): boolean => cell.policy !== null;

export function pageOf(rows: readonly Row[], versions: string): string {
  const passing = rows.filter((one) => !isLasting(one));
  return [
    "# Faults during a release",
    "",
    ...summary(rows, versions),
    INTRODUCTION,
    ...FAULTS.flatMap((fault) =>
      section(
        TITLES[fault],
        passing.filter(({ cell }) => cell.fault === fault),
        ({ phase }) => phase,
      ),
    ),
    ...section(
      "The host's disk stays full: `onHostLost`",
      rows.filter((one) => isLasting(one) && one.cell.fault === "disk"),
      ({ policy, phase }) => `${phase}, \`${policy}\``,
    ),
    ...section(
      "The host stays dead: `onHostLost`",
      rows.filter((one) => isLasting(one) && one.cell.fault !== "disk"),
      ({ policy, phase }) => `${phase}, \`${policy}\``,
    ),
    "",
  ].join("\n");
}
