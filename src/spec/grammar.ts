import { placeholdersIn } from "../model/placeholders.ts";

/**
 * What a string may look like: an allow-list, never a list of what is bad. Nothing that passes a pattern can
 * end an nginx directive, a shell word or a line.
 */
export interface Grammar {
  /** As messages say it: "expected …". */
  readonly expected: string;
  readonly pattern: RegExp;
  /** What the pattern cannot say: the reason why the text is refused, or null. */
  readonly refuse?: (text: string) => string | null;
}

const PART = "[A-Za-z0-9_+@=.-]+";
const DNS_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const DNS = `${DNS_LABEL}(?:\\.${DNS_LABEL})*\\.?`;
const USER = "[A-Za-z_][A-Za-z0-9_.-]{0,31}";

const whole = (source: string): RegExp => new RegExp(`^(?:${source})$`);

export const noDotDot = (text: string): string | null => (text.includes("..") ? "two dots in a row" : null);

export const APP_NAME: Grammar = {
  expected: "a name of a-z, 0-9 and -, beginning with a letter, at most 32 long",
  pattern: /^[a-z][a-z0-9-]{0,31}$/,
};
export const HOST_NAME: Grammar = {
  expected: "a name of letters, digits, . and -, at most 64 long",
  pattern: /^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/,
  refuse: noDotDot,
};
export const LABEL: Grammar = {
  expected: "a word of letters, digits, . _ and -, at most 64 long",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
};
export const SERVERS: Grammar = {
  expected: "a host, a slot such as web1:8001, or a label such as zone=a",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(?:=[A-Za-z0-9][A-Za-z0-9._-]{0,63}|:[1-9][0-9]{0,4})?$/,
};
export const ADDRESS: Grammar = {
  expected: "local, an address, user@address, or a Host of ssh_config",
  pattern: whole(`(?:${USER}@)?(?:[A-Za-z0-9][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)`),
  refuse: (text) => noDotDot(text) ?? (isAddressLike(text) ? null : "not an IP address"),
};
export const IP: Grammar = {
  expected: "an IP address such as 10.0.0.11 or 2001:db8::11",
  pattern: /^[0-9A-Fa-f:.]{2,45}$/,
  refuse: (text) => (isIp(text) ? null : "not an IP address"),
};
/** Below a host's root directory, or of a gateway: it may stand in an nginx config. */
export const ABSOLUTE_PATH: Grammar = {
  expected: "an absolute path of letters, digits and . _ - + @ =",
  pattern: whole(`(?:/${PART})+/?`),
  refuse: noDotDot,
};
export const PATH: Grammar = {
  expected: "a path of letters, digits and . _ - + @ =",
  pattern: whole(`(?![-+@=])/?${PART}(?:/${PART})*/?`),
  refuse: noDotDot,
};
const noDotPart = (text: string): string | null =>
  noDotDot(text) ?? (text.split("/").includes(".") ? "a path here has no . part" : null);
export const SHARED_PATH: Grammar = {
  expected: "a path relative to root/shared, of letters, digits and . _ - + @ =",
  pattern: whole(`(?!-)${PART}(?:/${PART})*`),
  refuse: noDotPart,
};
export const ASSET_PATH: Grammar = {
  expected: "a directory of the release, such as /static/, of letters, digits and . _ - + @ =",
  pattern: whole(`/?(?!-)${PART}(?:/${PART})*/?`),
  refuse: noDotPart,
};
/** A program: found on PATH by its name, or by its path. */
export const BINARY: Grammar = {
  expected: "a program's name or path",
  pattern: whole(`(?!-)/?${PART}(?:/${PART})*`),
  refuse: noDotDot,
};

const URL_TEXT = "[A-Za-z0-9._~/?@:+,=&%{}-]*";
const ARCHIVE = /\.(?:tar|tar\.gz|tgz|tar\.zst|zip)$/;
const AUTHORITY = `(?:[A-Za-z0-9._~%:-]+@)?(?:${DNS}|\\[[0-9A-Fa-f:.]+\\])(?::\\d{1,5})?`;
const LOCATION = `https?://${AUTHORITY}(?:[/?]${URL_TEXT})?`;
const FILE = `(?:file://)?(?!-)/?[A-Za-z0-9_.{}][A-Za-z0-9_+@=,.{}-]*(?:/[A-Za-z0-9_+@=,.{}-]+)*`;

function locationFault(text: string): string | null {
  const path = text.replace(/^[a-z]+:\/\//, "").replace(/\?.*$/, "");
  if (/^file:\/\/(?!\/)/.test(text)) return "a file: address goes on with an absolute path";
  const unknown = placeholdersIn(text).find((word) => word !== "release");
  if (unknown !== undefined) return `{${unknown}} is not substituted here, only {release} is`;
  if (/[{}]/.test(text.replaceAll("{release}", ""))) return "a brace that belongs to no {release}";
  return noDotDot(path);
}

export const ARTIFACT: Grammar = {
  expected:
    "an http:, https: or file: address or a path of letters, digits and . _ - + @ =, " +
    "ending in .tar .tar.gz .tgz .tar.zst or .zip",
  pattern: whole(`${LOCATION}|${FILE}`),
  refuse: (text) =>
    locationFault(text) ??
    (ARCHIVE.test(text) || text.includes("?") ? null : "not .tar .tar.gz .tgz .tar.zst or .zip"),
};
export const DIGEST: Grammar = {
  expected: "an http:, https: or file: address or a path of a file with the SHA-256",
  pattern: whole(`${LOCATION}|${FILE}`),
  refuse: (text) =>
    /^[0-9A-Fa-f]{64}$/.test(text)
      ? "a digest belongs to one release: give it as --sha256 on the command line"
      : locationFault(text),
};

export const USER_NAME: Grammar = {
  expected: "a user's name",
  pattern: /^[A-Za-z_][A-Za-z0-9_-]{0,31}$/,
};
export const ENV_NAME: Grammar = {
  expected: "a variable's name of letters, digits and _",
  pattern: /^[A-Za-z_][A-Za-z0-9_]{0,127}$/,
  refuse: (text) =>
    text === "PORT" || text.startsWith("GLIDEPATH_") ? "Glidepath sets this one itself" : null,
};
export const UNIT: Grammar = {
  expected: "a unit's name ending in .service, such as shop@{port}.service",
  pattern: /^[A-Za-z0-9_][A-Za-z0-9:_.-]*@?(?:\{port\}|[A-Za-z0-9:_.-]*)\.service$/,
  refuse: noDotDot,
};
export const HTTP_PATH: Grammar = {
  expected: "a path that begins with /, of letters, digits and . _ ~ - / ? & = % : , @ +",
  pattern: /^\/[A-Za-z0-9._~/?&=%:@+,-]{0,2000}$/,
  refuse: (text) => noDotDot(text.replace(/\?.*$/, "")),
};
export const HTTP_HOST: Grammar = {
  expected: "a host name, perhaps with :port",
  pattern: whole(`(?:${DNS}|\\[[0-9A-Fa-f:.]+\\])(?::\\d{1,5})?`),
};
/** Shown and compared, never spliced into anything. */
export const PHRASE: Grammar = {
  expected: "a text of one line, at most 1000 characters",
  pattern: /^[^\p{Cc}\p{Cs}\u2028\u2029]{1,1000}$/u,
};
export const ENV_VALUE: Grammar = {
  expected: "a text without line breaks or NUL, in quotes if need be",
  // Of non-characters no EnvironmentFile of systemd's may have any.
  pattern: /^[^\0\r\n\p{Cs}\p{Noncharacter_Code_Point}]*$/u,
};
export const SERVER_NAME: Grammar = {
  expected: "a DNS name such as shop.example.com or *.example.com, or _ for any",
  pattern: whole(`(?:\\*\\.)?${DNS}|_`),
};
export const LISTEN: Grammar = {
  expected: 'a port such as 80, or "address:port" such as "127.0.0.1:8080" or "[::1]:8080", then ssl, http2',
  pattern: whole("(?:(?:[0-9.]{7,15}|\\[[0-9A-Fa-f:.]{2,45}\\]):)?[0-9]{1,5}(?: ssl)?(?: http2)?"),
  refuse: listenFault,
};
export const PLAIN_LISTEN: Grammar = {
  expected: 'a port such as 80, or "address:port" such as "127.0.0.1:8080" or "[::1]:8080"',
  pattern: whole("(?:(?:[0-9.]{7,15}|\\[[0-9A-Fa-f:.]{2,45}\\]):)?[0-9]{1,5}"),
  refuse: listenFault,
};
export const RULE_ADDRESS: Grammar = {
  expected: "an address or a range such as 10.1.0.0/16 or 2001:db8::/32",
  pattern: /^[0-9A-Fa-f:.]{2,45}(?:\/[0-9]{1,3})?$/,
  refuse: (text) => (isRange(text) ? null : "not an IP address, or a prefix that is too long"),
};
export const HEADER_NAME: Grammar = {
  expected: "a header's name of letters, digits and -",
  pattern: /^[A-Za-z0-9-]{1,64}$/,
};
export const VARIABLE_NAME: Grammar = {
  expected: "a name of letters, digits and _",
  pattern: /^[A-Za-z0-9_]{1,64}$/,
};
const NGINX_WORDS = new Set(["default", "include", "hostnames", "volatile"]);
export const RULE_VALUE: Grammar = {
  expected: "a value of letters, digits and . _ : @ / -, at most 128 long",
  pattern: /^[A-Za-z0-9._:@/-]{1,128}$/,
  refuse: (text) => (NGINX_WORDS.has(text) ? "a word that nginx keeps for itself" : null),
};
export const USER_KEY: Grammar = {
  expected: "auto, address, cookie:NAME, header:NAME or arg:NAME",
  pattern: /^(?:auto|address|(?:cookie|arg):[A-Za-z0-9_]{1,64}|header:[A-Za-z0-9-]{1,64})$/,
};
export const STATE: Grammar = {
  expected: "a directory, or a postgres:// address",
  pattern: whole(`postgres(?:ql)?://[A-Za-z0-9._~%:@/?&=+,[\\]-]{1,500}|(?![-+@=])/?${PART}(?:/${PART})*/?`),
  refuse: noDotDot,
};

function listenFault(text: string): string | null {
  const [, address, port] = /^(?:(.*):)?(\d+)(?: |$)/.exec(text) ?? [];
  if (Number(port) < 1 || Number(port) > 65_535) return "a port is 1 to 65535";
  if (address === undefined) return null;
  const bare = address.replaceAll(/[[\]]/g, "");
  return isIpv4(bare) || (address.startsWith("[") && isIpv6(bare)) ? null : "not an IP address";
}

/** Names are told from addresses by their colon; digits and dots alone must be a real IPv4 address. */
function isAddressLike(text: string): boolean {
  const host = text.slice(text.indexOf("@") + 1);
  if (host.includes(":")) return isIpv6(host);
  return !/^[0-9.]+$/.test(host) || isIpv4(host);
}

export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return (
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  );
}

export function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2 || /:::/.test(text)) return false;
  const groups = halves.flatMap((half) => (half === "" ? [] : half.split(":")));
  const last = groups.at(-1) ?? "";
  const embedded = last.includes(".");
  if (embedded && !isIpv4(last)) return false;
  const plain = embedded ? groups.slice(0, -1) : groups;
  if (!plain.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  const count = plain.length + (embedded ? 2 : 0);
  return halves.length === 2 ? count <= 7 : count === 8;
}

export const isIp = (text: string): boolean => isIpv4(text) || isIpv6(text);

function isRange(text: string): boolean {
  const [address = "", prefix] = text.split("/");
  const bits = prefix === undefined ? 0 : Number(prefix);
  return (isIpv4(address) && bits <= 32) || (isIpv6(address) && bits <= 128);
}
