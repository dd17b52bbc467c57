import { createPublicKey, X509Certificate } from "node:crypto";
import { fault, fine, section, warning, type Facts, type Look, type Said } from "./said.ts";

const DAY = 86_400_000;
const SOON = 14;

/** What `listen` with ssl needs. The key itself never leaves its host: its public half is compared. */
export const certificate: Look = (facts) => {
  const { tls, listen } = facts.gateway;
  if (tls === undefined || facts.application.gateway.mode !== "server") return [];
  const read = readCertificate(section(facts, "certificate"));
  const file =
    read === null
      ? [fault(`${tls.certificate} is no certificate that can be read`, "put one in PEM there")]
      : [validity(facts, read), ...strangers(facts, read)];
  return [...built(facts, listen), ...file, ...keyOf(facts, { read, path: tls.key })];
};

function readCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function built(facts: Facts, listen: readonly string[]): readonly Said[] {
  const needs = [
    ["ssl", "http_ssl"],
    ["http2", "http_v2"],
  ] as const;
  return needs
    .filter(([word]) => listen.some((one) => one.split(" ").includes(word)))
    .filter(([, module]) => !section(facts, "build").includes(`--with-${module}_module`))
    .map(([word, module]) =>
      fault(`it was built without ${module}, which \`listen … ${word}\` needs`, "use a package that has it"),
    );
}

function validity(facts: Facts, { validFrom, validTo }: X509Certificate): Said {
  const path = facts.gateway.tls?.certificate;
  const now = Number(section(facts, "now")) * 1000;
  const days = Math.floor((Date.parse(validTo) - now) / DAY);
  if (Date.parse(validTo) <= now) return fault(`${path} expired on ${validTo}`, "renew it");
  if (Date.parse(validFrom) > now) return fault(`${path} is valid from ${validFrom} only`, "use another one");
  if (days < SOON) return warning(`${path} expires in ${days} days, on ${validTo}`, "renew it");
  return fine(`${path} is valid until ${validTo}`);
}

/** Names that are asked for, and that a browser would not take this certificate for. */
function strangers({ application, gateway }: Facts, read: X509Certificate): readonly Said[] {
  const unnamed = application.gateway.serverName.filter(
    (name) => name !== "_" && read.checkHost(name.replace(/^\*/, "any")) === undefined,
  );
  if (unnamed.length === 0) return [];
  return [
    warning(
      `${gateway.tls?.certificate} does not name ${unnamed.join(", ")}`,
      "use a certificate that does, or change gateway.serverName",
    ),
  ];
}

interface KeyFile {
  readonly read: X509Certificate | null;
  readonly path: string;
}

function keyOf(facts: Facts, { read, path }: KeyFile): readonly Said[] {
  const said = section(facts, "key");
  const me = section(facts, "me");
  if (said === "unknown") return [];
  if (said === "missing") return [fault(`${path} is not there`, "put the certificate's private key there")];
  if (said === "unreadable")
    return [warning(`${me} cannot read ${path}: not compared with the certificate`, "run check as root")];
  if (said === "broken")
    return [fault(`${path} is no private key without a password`, "put one in PEM there")];
  if (read === null || samePublic(read, said)) return [];
  return [fault(`${path} is not the key of the certificate`, "put the two of one pair there")];
}

function samePublic(read: X509Certificate, pem: string): boolean {
  return createPublicKey(pem).equals(read.publicKey);
}
