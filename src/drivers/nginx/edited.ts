import { appError, type AppError } from "../../base/errors.ts";
import type { Look } from "./look.ts";
import { homeOf, type Site } from "./place.ts";

/** Cheap, and before anything is written; the installation itself compares again under the lock. */
export function editedBy(site: Site, { sha, written }: Pick<Look, "sha" | "written">): AppError | null {
  const { name, config } = site.gateway;
  if (sha === null || written.includes(sha)) return null;
  if (written.length === 0) {
    const message = `${name}: ${config} is there, and ${homeOf(site)} knows nothing of it`;
    return appError("gateway.edited", message, { hint: unknown(config) });
  }
  return appError("gateway.edited", `${name}: ${config} is not as Glidepath last wrote it`, {
    hint: `put it back as it is in ${homeOf(site)}/written.conf, or remove it, and it is written anew`,
  });
}

const unknown = (config: string): string =>
  "if its first line says that it is Glidepath's, gateway.state was changed, or what lay there is lost: " +
  `put that back, or move ${config} away without reloading nginx, and it is written anew. Else it is ` +
  "somebody's: choose another gateway.config";
