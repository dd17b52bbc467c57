import { appError } from "../base/errors.ts";
import type { TrafficKind } from "../model/drain.ts";
import type { Stamp } from "../model/ids.ts";
import { DONE, refused, type Outcome } from "../model/outcome.ts";
import { benchOf, faultsNow, tell, type Context } from "./context.ts";
import type { SimSlot } from "./fleet.ts";
import { harmsOfAsk } from "./harms.ts";
import { askedToGo } from "./traffic.ts";

/** The application is asked to end connections of these kinds. It changes nothing that a slot remembers. */
export function ask(
  context: Context,
  slot: SimSlot,
  { at, kinds }: { readonly at: Stamp; readonly kinds: readonly TrafficKind[] },
): Outcome {
  const { key } = slot.slot;
  if (at.generation < slot.generation) {
    return refused(appError("slot.fenced", `${key} has seen generation ${slot.generation}`));
  }
  context.harms.push(...harmsOfAsk(slot, benchOf(context)));
  if (context.dice.events.chance(faultsNow(context).startRefused)) {
    tell(context, () => `. ${key} does not listen`);
    return refused(appError("slot.ask", `${key}: POST /drain: was answered with 404`));
  }
  for (const gateway of context.fleet.gateways.values()) {
    askedToGo(gateway, key, { kinds, until: context.timeline.now() + context.dice.delay.int(10, 150) });
  }
  return DONE;
}
