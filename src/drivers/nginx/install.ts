import { appError } from "../../base/errors.ts";
import { seconds } from "../../base/time.ts";
import { DONE, refused, type Outcome } from "../../model/outcome.ts";
import type { RoutingTable } from "../../model/routing.ts";
import type { HostReply } from "../../ports/host.ts";
import type { Config } from "./config.ts";
import { untilRunning } from "./control.ts";
import { http3Trouble } from "./http3.ts";
import { controlOf, homeOf, snippetOf, type Place } from "./place.ts";
import { sha256 } from "./names.ts";
import { INSTALL, RESTORE, WITHDRAW } from "./install-scripts.ts";
import { tarOf } from "./tar.ts";
import type { Entry } from "./tree.ts";
import { troubleOf } from "./trouble.ts";

/**
 * present file tested → candidate tested as live → renamed → signal → workers replaced → they say the new
 * digest and can follow the switch. At every arrow the way back is the former file, byte for byte.
 */
export async function install(place: Place, config: Config, table: RoutingTable): Promise<Outcome> {
  const lack = await http3Trouble(place);
  if (lack !== null) return refused(lack);
  const carrying: Carrying = { config, table };
  const reply = await carry(place, INSTALL, carrying);
  const trouble = troubleOf(place.gateway, "installing the config", reply);
  if (trouble !== null) return trouble;
  const running = await untilRunning(controlOf(place), config.digest);
  const isTaken = running?.config === config.digest;
  if (isTaken && running.readable) return DONE;
  const restored = await carry(place, RESTORE, carrying);
  const why = isTaken ? unreadable(place) : untaken(place);
  return troubleOf(place.gateway, "putting the former config back", restored) ?? refused(why);
}

/** As before `prepare` of this table, and never again; see the port. */
export async function withdraw(place: Place, table: RoutingTable): Promise<Outcome> {
  const reply = await carry(place, WITHDRAW, { config: null, table });
  return troubleOf(place.gateway, "taking the config back", reply) ?? DONE;
}

interface Carrying {
  readonly config: Config | null;
  readonly table: RoutingTable;
}

function carry(place: Place, script: string, { config, table }: Carrying): Promise<HostReply> {
  const { gateway, host } = place;
  const args = [
    homeOf(place),
    gateway.config,
    snippetOf(place),
    gateway.main,
    gateway.nginx,
    config?.digest ?? "",
    config === null ? "" : sha256(config.text),
    String(table.generation),
    table.writer,
  ];
  const file = (path: string, text: string | null): readonly Entry[] =>
    text === null ? [] : [{ kind: "file", path, text }];
  const entries = [...file("config", config?.text ?? null), ...file("location", config?.snippet ?? null)];
  return host.run({ script, args, input: tarOf(entries), timeout: seconds(60) });
}

const untaken = ({ gateway: { name, config, main } }: Place) =>
  appError("gateway.reload", `${name}: nginx reloaded without the new ${config}: taken back`, {
    hint: `look whether another server of ${main} listens where the file's last server does`,
  });

const unreadable = (place: Place) =>
  appError(
    "gateway.rights",
    `${place.gateway.name}: nginx's user cannot follow the switch in ${homeOf(place)}`,
    {
      hint: `let nginx's user enter every directory above it (chmod o+x), for example ${place.gateway.state}`,
    },
  );
