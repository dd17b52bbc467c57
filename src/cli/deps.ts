import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { Instant } from "../base/time.ts";
import type { Application } from "../model/application.ts";
import type { Asked } from "../model/asked.ts";
import type { HostName, ReleaseId } from "../model/ids.ts";
import type { BasisPoints } from "../model/share.ts";
import type { Verdict } from "../model/verdict.ts";
import type { Adopter } from "../ports/adopt.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlPlane } from "../ports/control.ts";
import type { Examiner } from "../ports/examine.ts";
import type { Io } from "./io.ts";

/** Everything that a command needs of one application, made by main from its file. */
export interface Opened {
  readonly application: Application;
  readonly control: ControlPlane;
  /** What the file says that is not wrong but worth a word; one line each. */
  readonly warnings: readonly string[];
  /** What is wrong with lists that rules name; null unless it was opened anyway. Nothing is to be routed. */
  readonly fault: AppError | null;
  readonly examiners: readonly Examiner[];
  /** Which release this request gets now; computed, none is made. */
  explain(asked: Asked): Promise<Result<Explanation, AppError>>;
  /** What the judge would have said of recorded logs. */
  analyze(request: AnalyzeRequest): Promise<Result<Analyzed, AppError>>;
  close(): Promise<void>;
}

export interface AnalyzeRequest {
  readonly logs: readonly string[];
  /** As in nginx's log_format; null: our own. */
  readonly format: string | null;
  /** Addresses with commas between, or `$variable=value`; null with our own format. */
  readonly canary: string | null;
  /** As `--share` says; none: as the logs tell. */
  readonly shares: readonly GivenShare[];
}

/** From that time of the day on (ms, UTC), null: from the first request on. */
export interface GivenShare {
  readonly share: BasisPoints;
  readonly time: number | null;
}

export interface Analyzed {
  readonly lines: number;
  /** Lines of another format. */
  readonly garbage: number;
  /** Lines of requests that no slot was asked for. */
  readonly unasked: number;
  readonly from: Instant;
  readonly until: Instant;
  /** When the canary's first request ended; null: there is none. */
  readonly canaryAt: Instant | null;
  readonly shares: readonly { readonly at: Instant; readonly share: BasisPoints }[];
  /** Visitors stayed with their release (rollout.pin): how many came to it is not judged. */
  readonly pinned: boolean;
  /** When another canary came, of a rollout that is not judged; null: there was none. */
  readonly next: Instant | null;
  /** Each turn of the verdicts, and the last. */
  readonly course: readonly Verdict[];
}

export interface Explanation {
  readonly user: string;
  readonly release: ReleaseId | null;
  readonly role: "stable" | "canary" | "none";
  /** Basis points of the canary. */
  readonly share: number;
  readonly by:
    | { readonly rule: string }
    /** `pin`: he stays with this release until he is idle. */
    | { readonly bucket: number; readonly of: number; readonly pin?: ReleaseId };
  /** Basis points from which on the canary serves; null: a rule decides, whatever the share. */
  readonly changesAt: number | null;
  /** Gateways that do not decide by the file's key and rules yet. */
  readonly late: readonly HostName[];
}

/** What `init` found on this machine; the nginx of PATH and its config. */
export interface Survey {
  readonly binary: string;
  readonly main: string;
  readonly confDir: string;
  readonly listens: readonly string[];
  readonly upstreams: readonly { readonly name: string; readonly servers: readonly string[] }[];
}

/** As src/demo takes them. */
export interface DemoOptions {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Leave the directory there at the end. */
  readonly keep: boolean;
  readonly color: boolean;
  readonly json: boolean;
  /** Also a gray release. */
  readonly gray: boolean;
}

export interface OpenOptions {
  /** Also where a list that a rule names cannot be read or has a mistake in it. */
  readonly anyway?: boolean;
}

/** What main gives the commands. */
export interface CliDeps {
  readonly io: Io;
  readonly clock: Clock;
  readonly version: string;
  /** Who gives orders: `alice@build1`. */
  readonly by: string;
  /** A mistake in the file is `file.invalid` with one diagnostic a line in its details. */
  open(file: string, options?: OpenOptions): Promise<Result<Opened, AppError>>;
  survey(): Promise<Survey | null>;
  /** For this machine's nginx: the program, and its main file (null: as compiled in). */
  adopter(options: { readonly nginx: string; readonly main: string | null }): Adopter;
  /** The exit code. */
  demo(options: DemoOptions): Promise<number>;
}
