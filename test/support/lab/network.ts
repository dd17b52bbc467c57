// A network of one lab's own: a bridge on this machine, with a range of addresses that nobody else has.
import { execFileSync } from "node:child_process";
import { networkInterfaces } from "node:os";

export interface LabNetwork {
  /** Also the name of everything else that the lab makes: `gplab77`. */
  readonly name: string;
  /** `10.77.77` */
  readonly prefix: string;
  /** This machine, as the hosts see it. */
  readonly controller: string;
}

const RANGES = 240;

export const ip = (...args: readonly string[]): void =>
  void execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });

export function networkOf(range: number): LabNetwork {
  return { name: `gplab${range}`, prefix: `10.77.${range}`, controller: `10.77.${range}.1` };
}

/** Making the bridge takes the range: only one can. */
export function makeNetwork(): LabNetwork {
  const first = process.pid % RANGES;
  for (let tries = 0; tries < RANGES; tries++) {
    const network = networkOf(((first + tries * 7) % RANGES) + 1);
    if (isTaken(network) || !made(network)) continue;
    ip("addr", "add", `${network.controller}/24`, "dev", network.name);
    ip("link", "set", network.name, "up");
    return network;
  }
  throw new Error("every range of 10.77.0.0/16 is taken");
}

const isTaken = ({ prefix }: LabNetwork): boolean =>
  Object.values(networkInterfaces()).some((all) =>
    all?.some(({ address }) => address.startsWith(`${prefix}.`)),
  );

function made({ name }: LabNetwork): boolean {
  try {
    ip("link", "add", name, "type", "bridge");
    return true;
  } catch (error) {
    if (String(error).includes("File exists")) return false;
    throw error;
  }
}

export function removeNetwork({ name }: LabNetwork): void {
  try {
    ip("link", "del", name);
  } catch {
    // It is gone already.
  }
}
