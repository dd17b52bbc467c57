import type { Adoption, FoundSlot, SiteChange } from "../../ports/adopt.ts";
import { diffLines } from "./plan.ts";
import { dim, EMPTY, good, indent, line, strong, warn, wrap, type Line } from "./text.ts";

interface Written {
  readonly file: string;
  readonly isNew: boolean;
  readonly doubts: readonly string[];
}

function slotLine({ address, port, process }: FoundSlot): Line {
  const place = `  ${address === "local" ? "" : `${address} `}port ${port}  `;
  if (process === null) return line(place, dim("nobody was seen to listen"));
  const how = process.unit === null ? process.command.join(" ") : process.unit;
  return line(place, process.directory, dim(`  ${how}, as ${process.user}`));
}

/** What was found, and the file that says so. */
export const adoptionLines = (adoption: Adoption, { file, isNew, doubts }: Written): readonly Line[] => [
  line(strong(adoption.upstream), `  an upstream of ${adoption.nginx.main}, used in ${adoption.site}`),
  ...adoption.slots.map(slotLine),
  EMPTY,
  isNew
    ? line(good("✓ "), strong(file), " is written from it")
    : line(strong(file), " is there already and is taken as it is"),
  ...doubts.map((doubt) => line(warn("! "), doubt)),
  EMPTY,
];

/** The change of the user's own file, to be approved. */
export const changeLines = (change: SiteChange, columns: number): readonly Line[] => [
  line(
    "In ",
    strong(change.path),
    change.current === change.wanted ? " nothing would change" : " this would change:",
  ),
  ...diffLines(change.current, change.wanted).map((given) => indent(4, given)),
  ...change.notes.flatMap((note) =>
    wrap(note, Math.max(30, columns - 2)).map((part, i) => line(i === 0 ? warn("! ") : "  ", part)),
  ),
  EMPTY,
];

export const takenLines = (app: string, { path }: SiteChange): readonly Line[] => [
  line(good("✓ "), `${app} is taken over: ${path} leads to the same slots, now by Glidepath's switch`),
  line("  → `glidepath status` shows them; `glidepath release RELEASE` makes the first release"),
  line("  → `glidepath adopt --undo` puts nginx's files back as they were"),
];

export const undoneLines = (app: string): readonly Line[] => [
  line(good("✓ "), `${app}: nginx's files are as they were before; the slots were not touched`),
];
