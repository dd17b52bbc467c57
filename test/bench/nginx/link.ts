// The switch in its smallest form: a config that never changes, and one link that does. Two slots.
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Nginx } from "../../../src/demo/nginx.ts";

const PAIRS = Array.from({ length: 100 }, (_, i) => String(i).padStart(2, "0"));
const GROUPS = ["p1", "s0", "s1"] as const;
type Group = (typeof GROUPS)[number];

export interface Linked {
  readonly directory: string;
  /** What http{} needs, and what one location does. */
  readonly http: string;
  readonly location: string;
  /** A tree beside the present one; `share` in 10,000. */
  readonly build: (share: number, groups?: { readonly canary: Group; readonly stable: Group }) => string;
  /** The switch: one rename. */
  readonly use: (tree: string) => void;
}

export const HOP = 'proxy_http_version 1.1; proxy_set_header Connection "";';

const split = (name: string, salt: string): string =>
  `split_clients "${salt}|$http_x_user" $${name} {\n${PAIRS.slice(0, -1)
    .map((pair) => `  1% ${pair};`)
    .join("\n")}\n  * 99;\n}\n`;

/** `first` and `second` are the slots' ports: p1 is the first, s0 both, s1 the second. */
export function linked({ directory: root }: Nginx, first: number, second: number): Linked {
  const directory = join(root, "switch");
  for (const group of GROUPS) mkdirSync(join(directory, "groups", group), { recursive: true });
  const upstream = (group: Group, ports: readonly number[]): string => {
    const servers = ports.map((port) => `server 127.0.0.1:${port};`).join(" ");
    return `upstream link_${group} { ${servers} keepalive 64; }\n`;
  };
  const names = GROUPS.map((group) => `  ${directory}/groups/${group} link_${group};`).join("\n");
  let number = 0;
  return {
    directory,
    http:
      upstream("p1", [first]) +
      upstream("s0", [first, second]) +
      upstream("s1", [second]) +
      split("link_hundred", "shop") +
      split("link_rest", "shop, the rest") +
      `map $realpath_root $link_upstream {\n  default link_s0;\n${names}\n}\n`,
    location: `root ${directory}/cur/$link_hundred/$link_rest; proxy_pass http://$link_upstream; ${HOP}`,
    build: (share, { canary, stable } = { canary: "p1", stable: "s1" }) => {
      number += 1;
      const tree = join(directory, `gen-${number}`);
      const parts = {
        canary: () => canary,
        stable: () => stable,
        partial: (at: number) => (at < share % 100 ? canary : stable),
      };
      for (const [part, groupAt] of Object.entries(parts)) {
        mkdirSync(join(tree, part), { recursive: true });
        for (const [at, pair] of PAIRS.entries())
          symlinkSync(join("..", "..", "groups", groupAt(at)), join(tree, part, pair));
      }
      const whole = Math.floor(share / 100);
      for (const [at, pair] of PAIRS.entries()) {
        const part = at < whole ? "canary" : at === whole ? "partial" : "stable";
        symlinkSync(part, join(tree, pair));
      }
      symlinkSync(`gen-${number}`, join(directory, `next-${number}`));
      return join(directory, `next-${number}`);
    },
    use: (tree) => renameSync(tree, join(directory, "cur")),
  };
}

export const writeConf = ({ confd }: Nginx, text: string): void =>
  writeFileSync(join(confd, "claims.conf"), text);
