const EXCERPT = 200;

/** A short, harmless piece of what somebody else wrote, for one line. */
export function excerpt(text: string): string {
  // oxlint-disable-next-line no-control-regex -- taking them out is the purpose
  const clean = text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, " ").trim();
  const letters = [...new Intl.Segmenter().segment(clean.slice(0, 4 * EXCERPT))].map(
    ({ segment }) => segment,
  );
  return letters.length <= EXCERPT ? letters.join("") : `${letters.slice(0, EXCERPT).join("")}…`;
}

/** ` "starting"`, or nothing where there is nothing. */
export const quoted = (text: string): string => {
  const short = excerpt(text);
  return short === "" ? "" : ` "${short}"`;
};

export const lastLines = (text: string, lines: number): string =>
  text.trimEnd().split("\n").slice(-lines).join("\n");

/** As it stands in a URL. */
export const place = (address: string, port: number): string =>
  `${address.includes(":") ? `[${address}]` : address}:${port}`;
