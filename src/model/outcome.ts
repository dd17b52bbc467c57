import type { AppError } from "../base/errors.ts";
import type { SlotState } from "./observation.ts";

/**
 * How an action ended. `refused` is definite: it did not happen and will not. `unknown` means that it may
 * have happened, or may still happen: only a later observation tells.
 */
export type Outcome =
  | {
      readonly kind: "done";
      readonly note?: string;
      /** How the slot stood when the write was over, where whoever wrote looked as well. */
      readonly slot?: SlotState;
      /** Of a gateway that was written to: whether nginx runs there with our config; absent: it does. */
      readonly serving?: boolean;
    }
  | { readonly kind: "refused"; readonly error: AppError }
  | { readonly kind: "unknown"; readonly error: AppError };

export const DONE: Outcome = { kind: "done" };
export const refused = (error: AppError): Outcome => ({ kind: "refused", error });
export const unknown = (error: AppError): Outcome => ({ kind: "unknown", error });
