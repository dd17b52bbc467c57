import { PLAIN_PROBE, type ProbeSettings } from "../model/probing.ts";
import type { FileValue } from "./schema.ts";

/** Where the file says `off`, or nothing, these are the settings of a release that asks for the probe. */
export function probe({ probe: value, health }: FileValue): ProbeSettings {
  const plain = { ...PLAIN_PROBE, get: health.http ?? "/" };
  if (typeof value === "string") return { ...plain, always: value === "on" };
  const { get = plain.get, post, slow, upload, websocket, events, ...rest } = value;
  return {
    ...rest,
    always: true,
    get,
    post: post ?? null,
    slow: slow ?? null,
    upload: upload ?? null,
    websocket: websocket ?? null,
    events: events ?? null,
  };
}
