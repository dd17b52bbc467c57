import { isIP } from "node:net";
import { appError, type AppError } from "../../base/errors.ts";
import { poolOf, type Application, type Gateway } from "../../model/application.ts";
import { isSafePath } from "./names.ts";

/** What the file's grammar allows but an nginx config of ours cannot hold; null when there is nothing. */
export function unsuitable(application: Application, gateway: Gateway): AppError | null {
  const slot = poolOf(application.hosts).find((one) => isIP(one.address) === 0);
  if (slot !== undefined && !application.gateway.passive) {
    return appError(
      "gateway.config",
      `slot ${slot.key} is reached at "${slot.address}", an IP address was expected: ` +
        "with names in its config, nginx does not start while the name server is away",
      { hint: `write the host's address as an IP address (user@10.0.0.11) in glidepath.yaml` },
    );
  }
  const { tls, redirect } = gateway;
  const files = [tls?.certificate, tls?.key, redirect?.acme].filter((one) => typeof one === "string");
  const path = [gateway.config, gateway.state, gateway.log, ...files].find((one) => !isSafePath(one));
  if (path === undefined) return null;
  return appError("gateway.config", `${gateway.name}: ${path} cannot stand in an nginx config`, {
    hint: "use letters, digits, and . _ - / in paths",
  });
}
