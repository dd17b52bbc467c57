// Bars as one SVG. Pure.

export interface Panel {
  readonly title: string;
  readonly isLog?: boolean;
  readonly bars: readonly {
    readonly name: string;
    /** Null: not measured. */
    readonly value: number | null;
  }[];
}

export interface Picture {
  readonly title: string;
  /** What was run where, and when. */
  readonly lines: readonly string[];
  readonly panels: readonly Panel[];
}

const WIDTH = 860;
const LEFT = 150;
const RIGHT = 90;
const ROW = 22;
const BAR = 14;
const TOP = 64;
const LINE = 16;
const OURS = "glidepath";

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (one) => ESCAPES[one] ?? one);

/** Reads in light and in dark, and on paper. */
const STYLE = `
  svg { color: #1f2328; background: #ffffff; }
  text { font: 13px system-ui, sans-serif; fill: currentColor; }
  .title { font-size: 17px; font-weight: 600; }
  .panel { font-weight: 600; }
  .line { font-size: 12px; opacity: 0.75; }
  .bar { fill: #8c959f; }
  .ours { fill: #1a7f37; }
  .axis { stroke: currentColor; opacity: 0.3; }
  @media (prefers-color-scheme: dark) {
    svg { color: #e6edf3; background: #0d1117; }
    .ours { fill: #3fb950; }
  }
`;

function words(value: number): string {
  if (value !== 0 && Math.abs(value) < 10) return value.toFixed(2).replace(/\.?0+$/, "");
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ",");
}

/** From 0 to 1. On a log scale nothing is nothing, and one is seen. */
function lengthOf(value: number, most: number, isLog: boolean): number {
  if (most <= 0 || value <= 0) return 0;
  return isLog ? Math.log10(value + 1) / Math.log10(most + 1) : value / most;
}

interface Text {
  readonly at: readonly [x: number, y: number];
  readonly kind?: string;
  readonly anchor?: "end";
}

function text(content: string, { at: [x, y], kind, anchor }: Text): string {
  const how = kind === undefined ? "" : ` class="${kind}"`;
  const side = anchor === undefined ? "" : ` text-anchor="${anchor}"`;
  return `<text x="${x}" y="${y}"${how}${side}>${escaped(content)}</text>`;
}

const heightOf = ({ bars }: Panel): number => 34 + bars.length * ROW;

function drawPanel({ title, isLog = false, bars }: Panel, top: number): readonly string[] {
  const most = Math.max(0, ...bars.map(({ value }) => value ?? 0));
  const rows = bars.flatMap(({ name, value }, at) => {
    const y = top + 26 + at * ROW;
    const length = Math.round(lengthOf(value ?? 0, most, isLog) * (WIDTH - LEFT - RIGHT));
    const place = `x="${LEFT}" y="${y}" width="${length}" height="${BAR}"`;
    return [
      text(name, { at: [LEFT - 10, y + BAR - 3], anchor: "end" }),
      `<rect class="${name === OURS ? "ours" : "bar"}" ${place}/>`,
      text(value === null ? "not measured" : words(value), { at: [LEFT + length + 6, y + BAR - 3] }),
    ];
  });
  const bottom = top + 26 + bars.length * ROW;
  return [
    text(isLog ? `${title} (log scale)` : title, { at: [LEFT, top + 14], kind: "panel" }),
    ...rows,
    `<line class="axis" x1="${LEFT}" y1="${top + 22}" x2="${LEFT}" y2="${bottom}"/>`,
  ];
}

export function draw({ title, lines, panels }: Picture): string {
  let top = TOP + lines.length * LINE - LINE;
  const drawn = panels.flatMap((panel) => {
    const parts = drawPanel(panel, top);
    top += heightOf(panel) + 10;
    return parts;
  });
  const size = `width="${WIDTH}" height="${top}" viewBox="0 0 ${WIDTH} ${top}"`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    text(title, { at: [20, 28], kind: "title" }),
    ...lines.map((line, at) => text(line, { at: [20, 48 + at * LINE], kind: "line" })),
    ...drawn,
    "</svg>",
  ];
  return `${parts.join("\n")}\n`;
}
