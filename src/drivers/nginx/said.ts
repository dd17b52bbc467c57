import type { Finding } from "../../ports/examine.ts";
import type { Site } from "./place.ts";
import { surveyOf, type Survey } from "./survey.ts";

/** What the examining script printed, by section. */
export interface Facts extends Site {
  readonly sections: ReadonlyMap<string, string>;
}

export type Said = Pick<Finding, "found" | "severity" | "todo">;
export const fine = (found: string): Said => ({ severity: "fine", found, todo: null });
export const fault = (found: string, todo: string): Said => ({ severity: "fault", found, todo });
export const warning = (found: string, todo: string): Said => ({ severity: "warning", found, todo });

export type Look = (facts: Facts) => readonly Said[];

export const section = ({ sections }: Facts, name: string): string => sections.get(name) ?? "";
export const surveyIn = (facts: Facts): Survey | null => surveyOf(section(facts, "dump"));
export const linesOf = (facts: Facts, name: string): readonly string[] =>
  section(facts, name)
    .split("\n")
    .filter((line) => line !== "");
