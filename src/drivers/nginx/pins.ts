import type { Application } from "../../model/application.ts";
import type { AppName, ReleaseId } from "../../model/ids.ts";
import { digest, prefix } from "./names.ts";

/**
 * A visitor's cookie holds the label of the release that answered him. Where another release's visitors are
 * kept, its group stands beside the bucket's own in the name of the directory to which the switch leads,
 * `as/p1b1@=1a2b3c4d+s1b1@=9f8e7d6c`: the very name says which labels count, so that a label that was made
 * up, or whose release serves no more, is as good as none.
 */
export const pinCookie = (app: AppName): string => prefix(app).replace(/^glidepath_/, "glidepin_");

/** The same on every gateway; it does not tell the release's name. */
export const pinLabel = (app: AppName, release: ReleaseId): string => digest(`${app}/${release}`).slice(0, 8);

export const isPinLabel = (text: string): boolean => /^[0-9a-f]{8}$/.test(text);

/** What the maps read that lead from the switch to a group. */
export const switchVariable = ({ name, gateway }: Application): string =>
  gateway.pin === undefined ? "$realpath_root" : `$${prefix(name)}_place`;

const map = (source: string, target: string, lines: readonly string[]): readonly string[] => [
  `map ${source} $${target} {`,
  ...lines.map((line) => `    ${line}`),
  "}",
];

/**
 * From the switch and the cookie to a place such as `/as/p1b1@=1a2b3c4d`, and from there to the cookie's next
 * value. The switch is read once, so that the cookie tells what the request got whatever was switched since.
 */
export function pinMaps({ name, gateway: { pin } }: Application): readonly string[] {
  if (pin === undefined) return [];
  const v = prefix(name);
  const cookie = pinCookie(name);
  const age = Math.ceil(pin / 1000);
  const value = `${cookie}=$${v}_label; Path=/; Max-Age=${age}; HttpOnly; SameSite=Lax$${v}_safe`;
  return [
    "# Who stays with the release of his page: its label stands in the cookie, and beside the groups.",
    ...map(`$cookie_${cookie}`, `${v}_pin`, ['default "";', '"~^([0-9a-f]{8})$" $1;']),
    ...map("$realpath_root", `${v}_switch`, ['default "";', '"~(/(?:groups|as)/[^/]+)$" $1;']),
    ...map(`"$${v}_pin $${v}_switch"`, `${v}_place`, [
      'default "";',
      String.raw`"~^([0-9a-f]{8}) [^+]+\+([^+]+=\1)$" /as/$2;`,
      '"~^[0-9a-f]* ([^+]+)" $1;',
    ]),
    ...map(`$${v}_place`, `${v}_label`, ['default "";', '"~=([0-9a-f]{8})$" $1;']),
    "# Not told by an answer that caches may share, nor when another slot had to answer in its place.",
    ...map(`"$${v}_label $upstream_addr|$sent_http_cache_control"`, `${v}_mark`, [
      `default "${value}";`,
      '"~^(?: |[^|]*, )" "";',
      '"~*public|s-maxage" "";',
    ]),
    "# Pages and data; of the files that a page needs, what is read alone, none is told.",
    ...map(`"$request_method $sent_http_content_type"`, `${v}_keep`, [
      `default $${v}_mark;`,
      String.raw`"~*^(?:GET|HEAD) (?!text/(?:html|event-stream)|application/(?:[a-z0-9.-]+\+)?json)" "";`,
    ]),
  ];
}
