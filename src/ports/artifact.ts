import type { AppError } from "../base/errors.ts";
import type { Result } from "../base/result.ts";
import type { HostName, ReleaseId } from "../model/ids.ts";
import type { Outcome } from "../model/outcome.ts";

/** A release on the controller, checked and repacked: hosts only need tar. */
export interface Artifact {
  readonly release: ReleaseId;
  /** sha256 of the artifact as published, hex. */
  readonly digest: string;
  /** A plain tar with nothing in it but files, directories and links that stay inside; absolute path. */
  readonly tar: string;
  readonly bytes: number;
  readonly entries: number;
}

export interface FetchOptions {
  /** The expected sha256, hex, from the command line; else the file's `artifact.sha256` is asked. */
  readonly sha256: string | null;
  readonly onProgress: (progress: { readonly received: number; readonly total: number | null }) => void;
  readonly signal: AbortSignal;
}

export interface ArtifactPort {
  /** Downloads (resuming after a cut), verifies and checks every entry. Quick if it was done before. */
  fetch(release: ReleaseId, options: FetchOptions): Promise<Result<Artifact, AppError>>;
  /** Unpacks into root/releases/ID on the host, links `shared`; whole or not at all. Quick if it is there. */
  stage(host: HostName, artifact: Artifact): Promise<Outcome>;
  /** Complete releases on the host. */
  installed(host: HostName): Promise<Result<readonly ReleaseId[], AppError>>;
  /** Deletes the oldest releases beyond the file's `keep`, never one of `inUse`. */
  prune(host: HostName, inUse: readonly ReleaseId[]): Promise<Outcome>;
}
