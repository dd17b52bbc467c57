import type { Duration } from "../../base/time.ts";
import type { Application, Slot } from "../../model/application.ts";
import type { Health } from "../../model/observation.ts";
import type { HostPort } from "../../ports/host.ts";
import { place, quoted } from "./text.ts";

const MAX_BODY_BYTES = 1 << 20;

export interface HttpQuestion {
  readonly path: string;
  /** null: any 2xx or 3xx. */
  readonly status: number | null;
  readonly contains: string | null;
  readonly host: string | null;
  readonly timeout: Duration;
}

/** The host could not be asked: nothing is known of the slot. */
export interface Lost {
  readonly lost: string;
}

/** Asks the slot itself, from its host, past every gateway. */
export async function ask(host: HostPort, slot: Slot, question: HttpQuestion): Promise<Health | Lost> {
  const asked = `GET ${question.path} on ${place(slot.address, slot.port)}`;
  const answer = await host.get({
    to: { port: slot.port, address: slot.address },
    path: question.path,
    timeout: question.timeout,
    limit: MAX_BODY_BYTES,
    headers: { "User-Agent": "glidepath", ...(question.host === null ? {} : { Host: question.host }) },
  });
  if (answer.kind === "lost") return { lost: `${slot.host}: ${answer.why}` };
  if (answer.kind === "failed") return { healthy: false, answer: `${asked}: ${answer.why}` };
  const right =
    question.status === null
      ? answer.status >= 200 && answer.status < 400
      : answer.status === question.status;
  const missing = question.contains !== null && !answer.body.includes(question.contains);
  const without = right && missing ? ` without "${question.contains ?? ""}":` : "";
  return {
    healthy: right && !missing,
    answer: `${asked} → ${answer.status}${without}${quoted(answer.body)}`,
  };
}

/** The name under which users know the application: many answer only to that one. */
export function hostHeader({ health, gateway }: Application): string | null {
  if (health.probe.kind === "http" && health.probe.host !== null) return health.probe.host;
  return gateway.serverName.find((name) => /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i.test(name)) ?? null;
}
