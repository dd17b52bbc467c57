import { appError, type AppError } from "../../base/errors.ts";
import type { Look } from "./look.ts";
import { homeOf, type Site } from "./place.ts";

/** Cheap, and before anything is written; the installation itself compares again under the lock. */
export function editedBy(site: Site, { sha, written }: Pick<Look, "sha" | "written">): AppError | null {
  const { name, config } = site.gateway;
  if (sha === null || written.includes(sha)) return null;
  const message = `${name}: ${config} is not as Glidepath last wrote it`;
  const hint =
    written.length === 0
      ? `move ${config} away, or choose another gateway.config: Glidepath owns the whole file`
      : `put it back as it is in ${homeOf(site)}/written.conf, or remove it, and it is written anew`;
  return appError("gateway.edited", message, { hint });
}
