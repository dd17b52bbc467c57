import { present } from "../base/assert.ts";
import type { Instant } from "../base/time.ts";
import type { HookName } from "../model/application.ts";
import type { SlotKey } from "../model/ids.ts";
import type { HookEnd, HookRun, HookSubject, Rollout } from "../model/rollout.ts";
import { formatShare } from "../model/share.ts";

/**
 * Hooks run one at a time, and each once: that it begins is on disk before it does. What runs before
 * something holds it up, and its failure goes back; what runs after something is told only.
 *
 *   due ─→ running ─(done)→ past            running, failed: past, and going back if it holds up
 *             └─(its process is gone)→ sought ─(found: as above)      sought, not found → unknown
 *   unknown ─(an operator: done)→ past      unknown ─(an operator: again)→ running
 */
export const hookKey = ({ name, slot, share }: HookSubject): string =>
  [name, slot ?? share ?? []].flat().join("/");

/** Hooks whose failure stops what they come before. */
export const holdsUp = (name: HookName): boolean => name.startsWith("before");

/** It is over, or the file has none. */
export const isPast = ({ plan, hooked }: Rollout, subject: HookSubject): boolean =>
  !plan.hooks.includes(subject.name) || hookKey(subject) in hooked;

export const hasBegunHooks = ({ hook, hooked }: Rollout): boolean =>
  hook !== null || Object.keys(hooked).length > 0;

/** Begins it as soon as no other one runs; while paused, nothing is held up that goes on later. */
export function beginHook(rollout: Rollout, subject: HookSubject, now: Instant): Rollout {
  if (rollout.hook !== null || (rollout.paused !== null && holdsUp(subject.name))) return rollout;
  return { ...rollout, hook: { ...subject, state: "running", since: now, attempt: 1 } };
}

export function endHook(rollout: Rollout, end: HookEnd): Rollout {
  const key = hookKey(present(rollout.hook, "the hook that ends"));
  return { ...rollout, hook: null, hooked: { ...rollout.hooked, [key]: end } };
}

export function runHookAgain(rollout: Rollout, now: Instant): Rollout {
  const hook = present(rollout.hook, "the hook that runs again");
  return { ...rollout, hook: { ...hook, state: "running", since: now, attempt: hook.attempt + 1 } };
}

/** Whatever became of it: nobody waits for it any more. */
export const dropHook = (rollout: Rollout): Rollout =>
  rollout.hook === null ? rollout : endHook(rollout, "unknown");

/** Going back nobody is asked. */
export const dropUnknown = (rollout: Rollout): Rollout =>
  rollout.hook?.state === "unknown" ? endHook(rollout, "unknown") : rollout;

/** The process that carried the rollout is gone: it is looked for what became of its hook. */
export const seekHook = (rollout: Rollout): Rollout =>
  rollout.hook?.state === "running" ? { ...rollout, hook: { ...rollout.hook, state: "sought" } } : rollout;

/** The next slot that has come to the release and whose `afterSlot` has not run. */
export function slotToFollow(rollout: Rollout): SlotKey | null {
  if (!rollout.plan.hooks.includes("afterSlot")) return null;
  const due = rollout.plan.slots.find((slot) => {
    const course = rollout.slots[slot];
    const isThere = course?.at === "settled" && course.release === rollout.release;
    return isThere && !isPast(rollout, { name: "afterSlot", slot });
  });
  return due ?? null;
}

export function hookWords(hook: HookRun): string {
  const about = hook.slot ?? (hook.share === undefined ? null : formatShare(hook.share));
  const name = `the hook ${hook.name}${about === null ? "" : ` (${about})`}`;
  if (hook.state === "running") return `running ${name}`;
  if (hook.state === "sought") return `looking what became of ${name}`;
  return (
    `nobody knows whether ${name} did its work: look, then \`glidepath resume --hook done\`, or ` +
    "`--hook again` to run it once more, or `glidepath abort`"
  );
}
