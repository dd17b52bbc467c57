import type { Application, Gateway } from "../../model/application.ts";
import type { HostPort } from "../../ports/host.ts";
import type { Control } from "./control.ts";

/** One application on one gateway. */
export interface Place {
  readonly application: Application;
  readonly gateway: Gateway;
  readonly host: HostPort;
}

export const homeOf = ({ application, gateway }: Place): string => `${gateway.state}/${application.name}`;

/** What the user's location includes in mode `upstream`. */
export const snippetOf = (place: Place): string => `${homeOf(place)}/location.conf`;

export const controlOf = ({ application, gateway, host }: Place): Control => ({
  host,
  app: application.name,
  config: gateway.config,
});

export const isPassive = ({ application }: Place): boolean => application.gateway.passive;
