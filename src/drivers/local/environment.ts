type Environment = Readonly<Record<string, string | undefined>>;

const KEPT = new Set(["HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR"]);
/** Where a user's PATH often has not the administrator's tools. */
const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * What a login would have: an application must not depend on the shell from which somebody happened to
 * release it, nor see the secrets there.
 */
export function loginEnvironment(environment: Environment): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (KEPT.has(entry[0]) || entry[0].startsWith("LC_")),
  );
  const path = (environment["PATH"] ?? "").split(":").filter((part) => part !== "");
  return { ...Object.fromEntries(kept), PATH: [...new Set([...path, ...SYSTEM_PATH])].join(":") };
}
