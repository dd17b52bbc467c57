import type { Ran } from "./command.ts";

/** Refuses another exit code than those, with everything that the command said. */
export function mustExit(ran: Ran, ...codes: readonly number[]): void {
  if (ran.code !== null && codes.includes(ran.code)) return;
  const expected = codes.join(" or ");
  throw new Error(
    `exit code ${ran.code ?? `none, ended by ${ran.signal ?? "nothing"}`}, expected ${expected}\n` +
      `--- stdout\n${ran.stdout}\n--- stderr\n${ran.stderr}`,
  );
}
