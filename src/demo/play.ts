// The acts of the demo: what is released, what is said before, and what must come of it.
import type { Behaviour } from "./app.ts";

export interface PlannedAct {
  readonly release: string;
  readonly behaviour: Behaviour;
  readonly says: string;
  readonly steps: "smooth" | "gray";
  readonly underLoad: boolean;
  /** The exit code that is right. */
  readonly code: 0 | 1;
}

export const GRAY_STEPS = [
  { share: "20%", bake: "2s" },
  { share: "50%", bake: "2s" },
  { share: "100%" },
] as const;

const FIRST: PlannedAct = {
  release: "v1",
  behaviour: {},
  says: "The first release. Nothing runs yet, so both slots come up at once and nginx gets its config.",
  steps: "smooth",
  underLoad: false,
  code: 0,
};

const SMOOTH: PlannedAct = {
  release: "v2",
  behaviour: {},
  says:
    "A smooth release under load. One slot after the other leaves the rotation, is drained, updated,\n" +
    "   checked, and comes back. nginx is not reloaded.",
  steps: "smooth",
  underLoad: true,
  code: 0,
};

const GRAY: PlannedAct = {
  release: "v3",
  behaviour: {},
  says: "A gray release: 20 % of the users get it first, then half, then all.",
  steps: "gray",
  underLoad: true,
  code: 0,
};

const BAD: PlannedAct = {
  release: "v4",
  behaviour: { health503: true },
  says:
    "A bad release: it starts, but its health check answers 503. No user may meet it; it goes back\n" +
    "   by itself.",
  steps: "smooth",
  underLoad: true,
  code: 1,
};

export const playOf = (gray: boolean): readonly PlannedAct[] =>
  gray ? [FIRST, SMOOTH, GRAY, BAD] : [FIRST, SMOOTH, BAD];
