/** What may stand in a user's command, and the variable that carries its value there. */
const VARIABLES: Readonly<Record<string, string>> = {
  "{port}": "GLIDEPATH_PORT",
  "{dir}": "GLIDEPATH_DIR",
  "{release}": "GLIDEPATH_RELEASE",
  "{host}": "GLIDEPATH_HOST",
};

const TOKEN = /\\[^]|['"]|(?<!\$)\{(?:port|dir|release|host)\}/g;

/**
 * The command with every placeholder replaced by the expansion of its variable, quoted as its place in the
 * command needs it: no value ever becomes a part of a script.
 */
export function expandPlaceholders(command: string): string {
  let quote = "";
  return command.replace(TOKEN, (token) => {
    const variable = VARIABLES[token];
    if (variable !== undefined) return inQuote(quote, `\${${variable}}`);
    if (token.startsWith("\\")) return escaped(quote, token, (next) => (quote = next));
    if (quote === "") quote = token;
    else if (quote === token) quote = "";
    return token;
  });
}

function inQuote(quote: string, expansion: string): string {
  if (quote === '"') return expansion;
  return quote === "'" ? `'"${expansion}"'` : `"${expansion}"`;
}

/** Between single quotes a backslash is nothing special, so a quote after it still ends them. */
function escaped(quote: string, token: string, leave: (quote: string) => void): string {
  if (quote === "'" && token === "\\'") leave("");
  return token;
}
