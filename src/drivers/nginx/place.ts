import type { Application, Gateway } from "../../model/application.ts";
import type { HostPort } from "../../ports/host.ts";
import type { Control } from "./control.ts";

/** One application on one gateway. */
export interface Site {
  readonly application: Application;
  readonly gateway: Gateway;
}

export interface Place extends Site {
  readonly host: HostPort;
}

export const homeOf = ({ application, gateway }: Site): string => `${gateway.state}/${application.name}`;

/** What the user's location includes; there in every mode, so that it can be tried before `upstream`. */
export const snippetOf = (site: Site): string => `${homeOf(site)}/location.conf`;

export const controlOf = ({ application, gateway, host }: Place): Control => ({
  host,
  app: application.name,
  config: gateway.config,
});

export const isPassive = ({ application }: Place): boolean => application.gateway.passive;
