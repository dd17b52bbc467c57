import { describe, expect, it } from "vitest";
import { draw, type Panel } from "./picture.ts";

const PANELS: readonly Panel[] = [
  {
    title: "Failed <requests> & more",
    isLog: true,
    bars: [
      { name: "glidepath", value: 0 },
      { name: 'a "rival"', value: 1 },
      { name: "another", value: 9999 },
      { name: "<&>", value: null },
    ],
  },
  { title: "Ratio", bars: [{ name: "only", value: 1.23 }] },
  { title: "Nothing", bars: [] },
];

const PICTURE = { title: "A & B", lines: ["npm run bench -- a<b", "today"], panels: PANELS };

/** What is wrong with the XML, or nothing: every tag ends in order, no bare sign is in text or attributes. */
function faultsOf(xml: string): readonly string[] {
  const open: string[] = [];
  const faults: string[] = [];
  const rest = xml.replaceAll(/<style>[^<]*<\/style>/g, "");
  const TAG = /<(\/?)([a-z]+)((?: [\w:-]+="[^"<&]*(?:&\w+;[^"<&]*)*")*)(\/?)>/gi;
  const between = rest.split(TAG).filter((_, at) => at % 5 === 0);
  for (const [, end, name = "", , single] of rest.matchAll(TAG)) {
    if (end === "/" && open.pop() !== name) faults.push(`</${name}> ends another`);
    else if (end === "" && single === "") open.push(name);
  }
  for (const piece of between) if (/[<>]|&(?!\w+;)/.test(piece)) faults.push(piece);
  return [...faults, ...open.map((name) => `<${name}> has no end`)];
}

const widths = (svg: string): readonly number[] =>
  [...svg.matchAll(/<rect class="\w+" x="\d+" y="\d+" width="(\d+)"/g)].map((one) => Number(one[1]));

describe("the picture of the benchmark", () => {
  const svg = draw(PICTURE);

  it("is well-formed", () => {
    expect(faultsOf(svg)).toEqual([]);
    // Control: what the check is for.
    expect(faultsOf(svg.replace("</text>", ""))).not.toEqual([]);
    expect(faultsOf(svg.replaceAll("&amp;", "&"))).not.toEqual([]);
  });

  it("has its title, its lines, each panel and each name as they were given", () => {
    const said = ["A &amp; B", "npm run bench -- a&lt;b", "Failed &lt;requests&gt; &amp; more (log scale)"];
    for (const one of [...said, "a &quot;rival&quot;", "&lt;&amp;&gt;", "not measured", "9,999", "1.23"])
      expect(svg).toContain(`>${one}<`);
  });

  it("draws nothing as nothing, one so that it is seen, and all within its width", () => {
    const [ours = -1, one = -1, most = -1, unknown = -1, only = -1] = widths(svg);
    expect([ours, unknown]).toEqual([0, 0]);
    expect(one).toBeGreaterThan(20);
    expect(most).toBeGreaterThan(one);
    expect(only).toBe(most);
  });

  it("is whole without any panel", () => {
    expect(faultsOf(draw({ ...PICTURE, panels: [] }))).toEqual([]);
  });
});
