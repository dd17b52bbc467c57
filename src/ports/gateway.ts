import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Gateway, Slot } from "../model/application.ts";
import type { GatewayState, Observed } from "../model/observation.ts";
import type { Outcome } from "../model/outcome.ts";
import type { RoutingTable } from "../model/routing.ts";
import type { Finding } from "./examine.ts";

/** One nginx. Two phases, so that several gateways change together or not at all. */
export interface GatewayPort {
  /** What it routes now, and the traffic in flight to `measure`. */
  observe(gateway: Gateway, measure: readonly Slot[]): Promise<Observed<GatewayState>>;
  /**
   * Cheaper than a look: whether each of these slots, which were seen out of rotation, may still have a
   * request in flight. False also when that cannot be told; nothing is decided by either but when to look.
   */
  areBusy(gateway: Gateway, slots: readonly Slot[]): Promise<boolean>;
  /**
   * Makes everything ready so that `commit` is one rename: installs the config if it is absent or of another
   * topology (tested, reloaded, proved), builds the table. Changes nothing that is served. Refused:
   * everything is as before. Where nginx is down and our config
   * is in its place, that is enough, and `serving` is false.
   */
  prepare(gateway: Gateway, table: RoutingTable): Promise<Outcome>;
  /** The switch. Refused if a newer generation was seen. Can be repeated. */
  commit(gateway: Gateway, table: RoutingTable): Promise<Outcome>;
  /**
   * Takes back what `prepare` of this table installed, because another gateway refused it: the former config,
   * byte for byte, and nginx told; the table is refused from then on. Where there is nothing to take back
   * it is done. Can be repeated.
   */
  withdraw(gateway: Gateway, table: RoutingTable): Promise<Outcome>;
  /** Why `prepare` would refuse what the file says; null: it would not. Changes nothing. */
  refusal(gateway: Gateway): Promise<AppError | null>;
  /** What `prepare` would write into the gateway's config; changes nothing. Refused as that would be. */
  preview(gateway: Gateway): Promise<Result<ConfigPreview, AppError>>;
}

export interface ConfigPreview {
  readonly path: string;
  /** null: the file is not there yet. */
  readonly current: string | null;
  readonly wanted: string;
  /** A reload of nginx is needed: the two differ. Never in an ordinary release. */
  readonly reload: boolean;
  /** What the person has to write so that users reach the application; null: nothing. */
  readonly lack: Finding | null;
}
