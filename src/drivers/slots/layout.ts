import { present } from "../../base/assert.ts";
import type { Application, Host, Slot } from "../../model/application.ts";

export const hostOf = (application: Application, name: string): Host =>
  present(
    application.hosts.find((host) => host.name === name),
    `host ${name}`,
  );

/** Locks, generations and logs of a slot; survives releases. */
export const stateDir = (root: string, slot: Slot): string => `${root}/slots/.${slot.port}`;

/** In the environment of every process that Glidepath starts in a slot, and nowhere else in the world. */
export const markerOf = (application: Application, slot: Slot): string =>
  `${application.name}/${slot.key}@${hostOf(application, slot.host).root}`;

/**
 * The address as the kernel's table of sockets writes it: the last four bytes, backwards; empty for other
 * kinds.
 */
export function kernelAddress(address: string): string {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1) ?? [];
  return parts
    .toReversed()
    .map((part) => Number(part).toString(16).padStart(2, "0").toUpperCase())
    .join("");
}

/** NAME=VALUE, ours last: these win. */
export function environmentOf(application: Application, slot: Slot): readonly string[] {
  return [...hostEnvironment(application, slot.host), `PORT=${slot.port}`, `GLIDEPATH_PORT=${slot.port}`];
}

export function hostEnvironment(application: Application, host: string): readonly string[] {
  const users = Object.entries(application.run.env).map(([name, value]) => `${name}=${value}`);
  return [...users, `GLIDEPATH_APP=${application.name}`, `GLIDEPATH_HOST=${host}`];
}
