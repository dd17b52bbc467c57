import { appError } from "../../base/errors.ts";
import { seconds } from "../../base/time.ts";
import { DONE, refused, type Outcome } from "../../model/outcome.ts";
import type { HostReply } from "../../ports/host.ts";
import type { Config } from "./config.ts";
import { untilRunning } from "./control.ts";
import { controlOf, homeOf, snippetOf, type Place } from "./place.ts";
import { sha256 } from "./names.ts";
import { INSTALL, RESTORE } from "./scripts.ts";
import { tarOf } from "./tar.ts";
import type { Entry } from "./tree.ts";
import { troubleOf } from "./trouble.ts";

/**
 * present file tested → candidate tested as live → renamed → signal → workers replaced → they say the new
 * digest. At every arrow the way back is the former file, byte for byte.
 */
export async function install(place: Place, config: Config): Promise<Outcome> {
  const trouble = troubleOf(place.gateway, "installing the config", await carry(place, config, INSTALL));
  if (trouble !== null) return trouble;
  const running = await untilRunning(controlOf(place), config.digest);
  if (running?.config !== config.digest) return restore(place, config);
  return running.readable ? DONE : refused(unreadable(place));
}

function carry(place: Place, config: Config, script: string): Promise<HostReply> {
  const { gateway, host } = place;
  const snippet = config.snippet === null ? "" : snippetOf(place);
  const args = [
    homeOf(place),
    gateway.config,
    snippet,
    gateway.main,
    gateway.nginx,
    config.digest,
    sha256(config.text),
  ];
  const entries: readonly Entry[] = [
    { kind: "file", path: "config", text: config.text },
    ...(config.snippet === null ? [] : [{ kind: "file", path: "location", text: config.snippet } as const]),
  ];
  return host.run({ script, args, input: tarOf(entries), timeout: seconds(60) });
}

async function restore(place: Place, config: Config): Promise<Outcome> {
  const { gateway } = place;
  const trouble = troubleOf(gateway, "putting the former config back", await carry(place, config, RESTORE));
  if (trouble !== null) return trouble;
  const message = `${gateway.name}: nginx reloaded without the new ${gateway.config}: taken back`;
  return refused(
    appError("gateway.reload", message, {
      hint: `look whether another server of ${gateway.main} listens where the file's last server does`,
    }),
  );
}

const unreadable = (place: Place) =>
  appError(
    "gateway.rights",
    `${place.gateway.name}: nginx's user cannot follow the switch in ${homeOf(place)}`,
    {
      hint: `let nginx's user enter every directory above it (chmod o+x), for example ${place.gateway.state}`,
    },
  );
