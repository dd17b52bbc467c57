import type { Application } from "../../model/application.ts";
import { bucketOfUser } from "./bucket.ts";
import { prefix } from "./names.ts";

/** Buckets that the users of the probe should lie near to: the first shares are small. */
const NEAR = [10, 90, 300, 900, 2200, 4500, 7000, 9500] as const;
const TRIES = 4000;

/** How a request names a user, so that it lies in one bucket for ever. */
export interface ProbeUser {
  readonly headers: Readonly<Record<string, string>>;
  /** `name=value`, as a query argument. */
  readonly argument: string | null;
}

/** Users whose buckets are spread over all shares; one where the request cannot say who it is. */
export function probeUsers(application: Application): readonly ProbeUser[] {
  const { name, gateway } = application;
  const { key, split } = gateway;
  if (split === "servers" || key.by === "address") return [{ headers: {}, argument: null }];
  if (key.by === "auto") {
    const cookie = (bucket: number): string => `${prefix(name)}=${String(bucket).padStart(4, "0")}`;
    return NEAR.map((bucket) => ({ headers: { Cookie: cookie(bucket) }, argument: null }));
  }
  const users = namesNear(name);
  if (key.by === "arg") return users.map((user) => ({ headers: {}, argument: `${key.name}=${user}` }));
  const headerOf = (user: string): Record<string, string> =>
    key.by === "cookie" ? { Cookie: `${key.name}=${user}` } : { [key.name]: user };
  return users.map((user) => ({ headers: headerOf(user), argument: null }));
}

function namesNear(app: string): readonly string[] {
  const all = Array.from({ length: TRIES }, (_, i) => {
    const user = `glidepath-probe-${i}`;
    return { user, bucket: bucketOfUser(app, user) };
  });
  return NEAR.map((wanted) => {
    const distance = (bucket: number): number => Math.abs(bucket - wanted);
    return all.reduce((best, one) => (distance(one.bucket) < distance(best.bucket) ? one : best)).user;
  });
}
