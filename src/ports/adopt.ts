import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Duration } from "../base/time.ts";
import type { Application } from "../model/application.ts";
import type { Outcome } from "../model/outcome.ts";

/** A place where the application runs already, as nginx names it and as the machine shows it. */
export interface FoundSlot {
  /** `local`, or the IP address of another machine. */
  readonly address: string;
  readonly port: number;
  /** What nginx says of it besides: `backup`, `weight=2`. */
  readonly params: readonly string[];
  /** What listens there; null where nobody does, or it could not be looked at. */
  readonly process: FoundProcess | null;
}

export interface FoundProcess {
  readonly user: string;
  /** Where it runs. */
  readonly directory: string;
  readonly command: readonly string[];
  /** The systemd service that it belongs to; null: none. */
  readonly unit: string | null;
}

/** An application that an nginx of this machine serves through an upstream of its own. */
export interface Adoption {
  readonly upstream: string;
  readonly slots: readonly FoundSlot[];
  /** What the upstream says of how its servers are chosen: `ip_hash`, `hash $cookie_sid`, `least_conn`. */
  readonly chosen: readonly string[];
  readonly nginx: { readonly binary: string; readonly main: string };
  /** Where the config that Glidepath owns would be read before the site. */
  readonly confDir: string;
  /** The user's own file that leads to the upstream; links resolved. */
  readonly site: string;
  readonly serverName: readonly string[];
  /** As the site says them; null: nginx's defaults. */
  readonly connectTimeout: Duration | null;
  readonly readTimeout: Duration | null;
}

/** What taking over changes in the user's file. */
export interface SiteChange {
  readonly path: string;
  readonly current: string;
  readonly wanted: string;
  /** What is different for requests afterwards, a sentence each. */
  readonly notes: readonly string[];
}

/** Takes over what an nginx of this machine serves already. */
export interface Adopter {
  /** Looks; changes nothing. `gateway.unsupported`: it stands in a form that cannot be taken over. */
  find(upstream: string): Promise<Result<Adoption, AppError>>;
  /** The user's file with the application's snippet in its locations. */
  change(application: Application, adoption: Adoption): Result<SiteChange, AppError>;
  /**
   * Puts it in place, if the file is still as `current`: tested as it will be live, renamed, reloaded,
   * proved. Refused: the file is as it was.
   */
  takeOver(application: Application, change: SiteChange): Promise<Outcome>;
  /** The user's file as it was before, byte for byte, and Glidepath's config gone from nginx. */
  undo(application: Application): Promise<Outcome>;
}
