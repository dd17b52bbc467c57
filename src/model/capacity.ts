import { assert } from "../base/assert.ts";
import { basisPoints, EVERYTHING, type BasisPoints } from "./share.ts";

/**
 * Slots that must carry the canary for a share `p` of a pool of `n` of which `u` may be out: c =
 * ceil(p·(n−u)), at least 1. Law: no slot is then asked to carry more than 1/(n−u) of the traffic, in either
 * role.
 */
export function canarySlotsFor(share: BasisPoints, n: number, u: number): number {
  assert(u >= 1 && u < n, `maxUnavailable is 1 to ${n - 1}, not ${u}`);
  return Math.max(1, Math.ceil((share * (n - u)) / EVERYTHING));
}

/** `split: servers`: as many slots as come next to the share, and the share that they then have. */
export function serversFor(share: BasisPoints, n: number): { slots: number; share: BasisPoints } {
  const slots = Math.min(n - 1, Math.max(1, Math.ceil((share * n) / EVERYTHING)));
  return { slots, share: share === 0 ? share : evenShare(EVERYTHING, slots, n - slots) };
}

/** Shares that `slots` of the pool can carry: neither role's slots are asked for more than 1/(n−u). */
export function sharesFor(slots: number, n: number, u: number): { least: BasisPoints; most: BasisPoints } {
  const part = (count: number): number => Math.min(1, Math.max(0, count / (n - u))) * EVERYTHING;
  return { least: basisPoints(Math.ceil(part(slots - u))), most: basisPoints(Math.floor(part(slots))) };
}

/**
 * The largest part that may be mirrored: what one slot more could not take on, as all users are with the
 * stable release meanwhile, and of that at most `u` slots are missing.
 */
export const mostMirrored = (slots: number, n: number, u: number): BasisPoints =>
  basisPoints(Math.min(EVERYTHING, Math.floor((EVERYTHING * Math.min(slots, u)) / (n - u))));

/** A number of slots, or a share of them rounded down; from 1 to n − 1. */
export function unavailableOf(asked: number | { readonly share: BasisPoints }, n: number): number {
  const wanted = typeof asked === "number" ? asked : Math.floor((asked.share * n) / EVERYTHING);
  return Math.max(1, Math.min(wanted, n - 1));
}

/** The share that gives every slot in rotation the same load, but not above the step's. */
export function evenShare(limit: BasisPoints, canary: number, stable: number): BasisPoints {
  if (canary === 0) return basisPoints(0);
  if (stable === 0) return EVERYTHING;
  return basisPoints(Math.min(limit, Math.floor((EVERYTHING * canary) / (canary + stable))));
}

export interface WayBack {
  /** The share that must stay with the canary for now. */
  readonly share: BasisPoints;
  /** Canary slots that must stay in rotation to carry it. */
  readonly keep: number;
}

/**
 * Going back with `stable` of `n` slots able to serve: as many users return at once as these can carry at
 * `maxLoad` times the even load of 1/n; the rest stay on as few canary slots as carry them at the same load.
 */
export function wayBack(n: number, stable: number, maxLoad: number): WayBack {
  assert(maxLoad >= 1, `maxLoad is at least 1, not ${maxLoad}`);
  // What is left of a share by rounding alone would keep a slot for nobody.
  const carried = Math.min(EVERYTHING, Math.floor((EVERYTHING * stable * maxLoad) / n + 1e-6));
  const share = basisPoints(EVERYTHING - carried);
  return { share, keep: Math.min(n - stable, Math.ceil((share * n) / (EVERYTHING * maxLoad))) };
}

/** What an update asks of a slot it can carry on the way back too: with less nobody could ever leave. */
export const maxLoadBack = ({ slots, maxUnavailable, maxLoad }: LoadLimits): number =>
  Math.max(maxLoad, slots.length / Math.max(1, slots.length - maxUnavailable));

interface LoadLimits {
  readonly slots: readonly unknown[];
  readonly maxUnavailable: number;
  readonly maxLoad: number;
}

/** A gateway's switch needs no more files for it. */
const TENTH = EVERYTHING / 10;

/**
 * Were all users of `stable` slots to stay with them whatever the share, these would carry everybody. So
 * those stay whose bucket is from here on: as many as the slots carry at `maxLoad` times the even load 1/n.
 */
export const pinsHeldFrom = (n: number, stable: number, maxLoad: number): BasisPoints =>
  basisPoints(Math.ceil(wayBack(n, stable, maxLoad).share / TENTH) * TENTH);
