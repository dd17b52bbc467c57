import type { Application } from "../../model/application.ts";
import type { ArtifactPort } from "../../ports/artifact.ts";
import type { Hosts } from "../../ports/host.ts";
import { PATIENCE } from "./download.ts";
import type { Patience } from "./download.ts";
import { fetchArtifact } from "./fetch.ts";
import { installedOn, pruneOn, stageOn } from "./on-host.ts";
import { attempt } from "./refusal.ts";

export interface ArtifactsOptions {
  readonly application: Application;
  readonly hosts: Hosts;
  /** A directory on the controller that is Glidepath's alone; absolute; made when it is missing. */
  readonly cache: string;
  readonly patience?: Patience;
}

/** Releases: from where they are published, through the controller's cache, onto the hosts. */
export function artifacts({
  application,
  hosts,
  cache,
  patience = PATIENCE,
}: ArtifactsOptions): ArtifactPort {
  const shop = { application, cache, patience };
  const side = { application, hosts };
  return {
    fetch: (release, options) => attempt(() => fetchArtifact(shop, release, options)),
    stage: (host, artifact) => stageOn(side, host, artifact),
    installed: (host) => installedOn(side, host),
    prune: (host, inUse) => pruneOn(side, host, inUse),
  };
}
