import { isServing, type SimSlot } from "./fleet.ts";

/** What a health check finds. */
export function healthOf(slot: SimSlot, now: number): { readonly healthy: boolean; readonly answer: string } {
  if (!isServing(slot, now)) return { healthy: false, answer: "connection refused" };
  if (slot.behaviour === "unhealthy") return { healthy: false, answer: 'GET /healthz → 503 "starting"' };
  return { healthy: true, answer: "GET /healthz → 200" };
}
