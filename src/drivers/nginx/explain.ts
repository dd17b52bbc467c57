import type { Application, Rule } from "../../model/application.ts";
import type { Routing } from "../../model/routing.ts";
import { bucketOfUser } from "./bucket.ts";

/** Where one user stands, as nginx reckons it; no request is made. */
export interface Place {
  readonly role: "canary" | "stable";
  /** What decided: the first rule that names the user, else one of 10 000 buckets. */
  readonly by: { readonly rule: string } | { readonly bucket: number; readonly of: number };
}

/** The cookie that the gateway issues by itself holds the bucket: four digits. */
const OWN_COOKIE = /^\d{4}$/;

/** Of a request only the user's key is known: of the rules those that look at this very key are followed. */
export function placeOf(application: Application, routing: Routing, user: string): Place {
  const { key, rules } = application.gateway;
  const rule = rules.find((each) => names(each, application, user));
  if (rule !== undefined && "name" in rule) {
    return { role: rule.to, by: { rule: `${rule.by} ${rule.name} is ${user}` } };
  }
  const isOwn = key.by === "auto" && OWN_COOKIE.test(user);
  const bucket = isOwn ? Number(user) : bucketOfUser(application.name, user);
  return { role: bucket < routing.share ? "canary" : "stable", by: { bucket, of: 10_000 } };
}

function names(rule: Rule, application: Application, user: string): boolean {
  const { key } = application.gateway;
  if (rule.by === "address" || !("name" in key)) return false;
  return rule.by === key.by && rule.name === key.name && rule.is.includes(user);
}
