import * as z from "zod";
import { millis } from "../base/time.ts";
import { decimal, duration, list, mapping, oneOf, share, text, truth, whole, wrong } from "./fields.ts";
import { VARIABLE_NAME, noDotDot } from "./grammar.ts";
import type { Grammar } from "./grammar.ts";

const PROMETHEUS: Grammar = {
  expected: "an http: or https: address",
  pattern: /^https?:\/\/(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\/[A-Za-z0-9._~/%-]*)?$/,
  refuse: noDotDot,
};
/** Sent as it is, {release} substituted; never part of a command. */
const QUERY: Grammar = {
  expected: "a PromQL query",
  pattern: /^(?:[^\p{Cc}\p{Cs}]|[\n\t]){1,10000}$/u,
};
const BAD: Grammar = {
  expected: "a status such as 503, or a class such as 5xx",
  pattern: /^[1-5](?:xx|\d\d)$/,
};

const ratio = () =>
  decimal("a factor", 1, 1000).prefault(1.1).describe("Tolerated: so many times the stable's.");
const bad = z.union([whole("a status", 100, 599), text(BAD)], { error: wrong(BAD.expected) });
const TOLERANCE = "a mapping with ratio and margin";

const metric = mapping(
  {
    name: text(VARIABLE_NAME).describe("The metric's name in reports."),
    prometheus: text(PROMETHEUS).describe("The address of Prometheus."),
    query: text(QUERY).describe("The query; {release} is substituted."),
    grows: truth()
      .prefault(true)
      .describe("It grows with the traffic: each release's value is divided by its share of it."),
    lower: decimal("a factor", 0, 1e15)
      .optional()
      .describe("Least that is good: so many times the stable's."),
    upper: decimal("a factor", 0, 1e15).optional().describe("Most that is good: so many times the stable's."),
  },
  "a mapping with name, prometheus and query",
);

const settings = mapping(
  {
    observe: truth().prefault(false).describe("true: it judges and tells, and never acts."),
    alpha: decimal("a probability", 0.000_001, 0.5)
      .prefault(0.05)
      .describe("Chance of a false alarm over the whole rollout."),
    errors: mapping(
      { ratio: ratio(), margin: share().prefault("0.05%").describe("… plus so many points.") },
      TOLERANCE,
    )
      .prefault({})
      .describe("How much worse the error rate may be."),
    latency: mapping(
      { ratio: ratio(), margin: duration(millis(0)).prefault("2ms").describe("… plus so much time.") },
      TOLERANCE,
    )
      .prefault({})
      .describe("How much slower answers may be."),
    bad: list(bad, "statuses", { least: 1 }).prefault(["5xx"]).describe("What counts as an error."),
    unit: oneOf(["auto", "user", "request"]).prefault("auto").describe("What is counted: users or requests."),
    warmup: duration(millis(0))
      .prefault("10s")
      .describe("After a slot joins, the time of its requests is not judged."),
    minRequests: whole("a number of requests", 1, 1_000_000_000)
      .prefault(200)
      .describe("Below this the verdict is: inconclusive, hold."),
    look: duration(millis(0))
      .prefault("2s")
      .describe(
        "Before more slots follow the first ones, and before the last ones are updated: until 20 requests " +
          "are seen, or so long at most unless they fail or are missing.",
      ),
    early: truth()
      .prefault(true)
      .describe("A step may end its bake as soon as the next share is proven safe."),
    maxFailedRequests: whole("a number of requests", 0, 1_000_000_000)
      .prefault(200)
      .describe("Failed requests of the canary above the stable's rate that are borne at most."),
    metrics: list(metric, "metrics").prefault([]).describe("More to judge by, from Prometheus."),
  },
  "off, or a mapping",
);

export const analysis = z.union([z.literal("off", { error: wrong("off, or a mapping") }), settings], {
  error: wrong("off, or a mapping"),
});
