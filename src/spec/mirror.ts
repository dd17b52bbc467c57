import { canarySlotsFor, mostMirrored } from "../model/capacity.ts";
import { formatShare, type BasisPoints } from "../model/share.ts";
import { finding, type Finding, type Path } from "./diagnostic.ts";
import { get, has, isTree, listOf, section, type Tree } from "./tree.ts";

interface Mirrored {
  readonly share: BasisPoints;
  readonly mirror: BasisPoints;
  /** Slots that the step says; absent: as few as carry the copies. */
  readonly servers?: number;
  /** Slots of the pool, and how many of them may be out of rotation at once. */
  readonly n: number;
  readonly u: number;
}

/** Why a step cannot mirror, and what to do; null: it can. */
export function mirrorFinding(file: Tree, step: Mirrored, path: Path): Finding | null {
  const said = (message: string, hint: string): Finding => finding("conflict", path, { message, hint });
  const other = elsewhere(file);
  if (other !== null) return said(`goes with ${other.needs}, not with ${other.found}`, other.hint);
  if (step.mirror === 0) {
    return finding("value", path, { message: "is more than 0%, found 0%", hint: "or leave it out" });
  }
  if (step.share > 0) {
    const asked = formatShare(step.share);
    return said(
      `nobody sees the release while requests are mirrored, and the step's share is ${asked}`,
      "make it a step of its own before this one, such as - { mirror: 10%, bake: 2m }",
    );
  }
  return tooMuch(step, said);
}

const BACK = "leave mirror out";

/** Copies are made by a location beside the one that serves, and of requests that have an idempotent kind. */
function elsewhere(
  file: Tree,
): { readonly needs: string; readonly found: string; readonly hint: string } | null {
  const gateway = section(file, "gateway");
  if (get(section(file, "rollout"), "split") === "servers") {
    return { needs: "split: users", found: "split: servers", hint: BACK };
  }
  if (get(gateway, "passive") === true) {
    return { needs: "a config of ours", found: "gateway.passive", hint: BACK };
  }
  if (get(gateway, "mode") === "upstream") {
    return {
      needs: "gateway.mode: server",
      found: "mode: upstream",
      hint: `${BACK}: copies need a location of ours in the server block`,
    };
  }
  if (get(gateway, "protocol") === "grpc") {
    return { needs: "protocol: http", found: "protocol: grpc", hint: `${BACK}: every gRPC call is a POST` };
  }
  return null;
}

/** The users are all with the stable release: no more slots than may be out run the new one. */
function tooMuch(
  { mirror, servers, n, u }: Mirrored,
  said: (message: string, hint: string) => Finding,
): Finding | null {
  if (n < 2) return null;
  const slots = servers ?? Math.min(u, canarySlotsFor(mirror, n, u));
  const most = mostMirrored(slots, n, u);
  if (mirror <= most) return null;
  const many = slots === 1 ? "1 slot" : `${slots} slots`;
  return said(
    `${many} of ${n} can take the copies of at most ${formatShare(most)} without more load than the others`,
    `write mirror: ${formatShare(most).replace(" ", "")} at most, or raise maxUnavailable or servers`,
  );
}

/** What works, and is yet probably not meant. */
export function mirrorWarnings(file: Tree): readonly Finding[] {
  const steps = listOf(get(section(file, "rollout"), "steps"));
  const isOff = get(file, "analysis") === "off";
  return steps.flatMap((step, i): readonly Finding[] => {
    if (!isTree(step) || !has(step, "mirror")) return [];
    const path: Path = ["rollout", "steps", i, "mirror"];
    if (isOff) return [finding("warning", path, "nobody judges what is mirrored with analysis: off")];
    if (has(step, "bake") || get(step, "approve") === true) return [];
    const hint = "add how long, such as bake: 2m";
    return [finding("warning", path, { message: "is over as soon as it has begun", hint })];
  });
}
