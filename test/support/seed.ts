import process from "node:process";

/** What everything that is drawn at random starts from; GLIDEPATH_SEED=N gives the same once more. */
export const seed = Number(process.env["GLIDEPATH_SEED"]);
