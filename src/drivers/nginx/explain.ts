import type { Application } from "../../model/application.ts";
import type { Routing } from "../../model/routing.ts";
import { bucketOfUser } from "./bucket.ts";

/** Where one user stands among 10 000 buckets, as nginx reckons it; no request is made. */
export interface Place {
  /** 0 to 9 999. */
  readonly bucket: number;
  readonly role: "canary" | "stable";
}

/** The cookie that the gateway issues by itself holds the bucket: four digits. */
const OWN_COOKIE = /^\d{4}$/;

/** By the share alone: rules look at the whole request. */
export function placeOf(application: Application, routing: Routing, user: string): Place {
  const isOwn = application.gateway.key.by === "auto" && OWN_COOKIE.test(user);
  const bucket = isOwn ? Number(user) : bucketOfUser(application.name, user);
  return { bucket, role: bucket < routing.share ? "canary" : "stable" };
}
