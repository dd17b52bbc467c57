import type { Brand } from "../base/brand.ts";

export type AppName = Brand<string, "AppName">;
/** One immutable version of the application, e.g. `v3.2.32`. */
export type ReleaseId = Brand<string, "ReleaseId">;
export type HostName = Brand<string, "HostName">;
/** `host:port`: a slot's name over the whole pool. */
export type SlotKey = Brand<string, "SlotKey">;
export type RolloutId = Brand<string, "RolloutId">;
/**
 * Orders writes: a gateway or a slot that has seen one refuses every smaller one. Grows by one a decision.
 */
export type Generation = Brand<number, "Generation">;

export const generation = (n: number): Generation => n as Generation;

/**
 * What fences a write: its generation, and who gave it out. Two stores may come to the same number; then
 * whoever wrote first keeps the other out.
 */
export interface Stamp {
  readonly generation: Generation;
  readonly writer: RolloutId;
}
export const slotKey = (host: HostName, port: number): SlotKey => `${host}:${port}` as SlotKey;

/** What a directory is called that was found in a slot when Glidepath first came there. */
export const ADOPTED = "adopted" as ReleaseId;

const APP = /^[a-z][a-z0-9-]{0,31}$/;
const RELEASE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const HOST = /^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/;

export const appName = (text: string): AppName | null => (APP.test(text) ? (text as AppName) : null);
export const hostName = (text: string): HostName | null => (HOST.test(text) ? (text as HostName) : null);
/** Letters, digits, dot, dash, underscore; at most 64; `..` never. */
export const releaseId = (text: string): ReleaseId | null =>
  RELEASE.test(text) && !text.includes("..") ? (text as ReleaseId) : null;
