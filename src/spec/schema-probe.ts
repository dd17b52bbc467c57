import * as z from "zod";
import { millis, minutes, seconds } from "../base/time.ts";
import { duration, mapping, size, text, truth, whole, wrong } from "./fields.ts";
import * as grammar from "./grammar.ts";
import type { Grammar } from "./grammar.ts";

/** Sent as it is; never part of a command or a config. */
const BODY: Grammar = {
  expected: "a text of at most 10000 characters",
  pattern: /^(?:[^\p{Cc}\p{Cs}]|[\n\t]){0,10000}$/u,
};
const CONTENT_TYPE: Grammar = {
  expected: "a content type such as application/json",
  pattern: /^[A-Za-z0-9.+-]{1,64}\/[A-Za-z0-9.+-]{1,64}(?:; ?charset=[A-Za-z0-9-]{1,32})?$/,
};
const MOST_BYTES = 100_000_000;
const SIZE = "a size such as 256KB, at most 100MB";

const path = () => text(grammar.HTTP_PATH);

const settings = mapping(
  {
    rate: whole("a number of requests a second", 1, 100)
      .prefault(5)
      .describe("Requests a second at each gateway, of all kinds together."),
    timeout: duration(millis(100), minutes(5))
      .prefault("10s")
      .describe("How long an answer may take; longer has failed."),
    hold: duration(millis(100), seconds(60))
      .prefault("2s")
      .describe(
        "How long an upload lasts and an event stream or a WebSocket is kept open. A slot that is to be " +
          "updated is drained of them like of anybody's: keep it short.",
      ),
    get: path()
      .optional()
      .describe("A GET over a connection that is kept alive. Default: the path of health.http, else /."),
    post: mapping(
      {
        path: path().describe("Where it is sent."),
        body: text(BODY).prefault("probe=1").describe("What is sent."),
        type: text(CONTENT_TYPE).prefault("application/x-www-form-urlencoded").describe("Its content type."),
      },
      "a mapping with path",
    )
      .optional()
      .describe("A POST with a body. It really reaches the application."),
    slow: path().optional().describe("A GET that the application takes its time for."),
    upload: mapping(
      {
        path: path().describe("Where it is sent, by POST."),
        size: size(MOST_BYTES, SIZE).prefault("256KB").describe("Its size; sent evenly over hold."),
      },
      "a mapping with path",
    )
      .optional()
      .describe("A body that takes its time. It really reaches the application."),
    websocket: path()
      .optional()
      .describe("A WebSocket: pings, which every WebSocket server answers, and an orderly end."),
    events: path().optional().describe("An event stream (text/event-stream)."),
    http2: truth().prefault(false).describe("true: the GET over HTTP/2 too, where a gateway listens so."),
  },
  "on, off, or a mapping",
);

export const probe = z.union([z.enum(["on", "off"], { error: wrong("on, off, or a mapping") }), settings], {
  error: wrong("on, off, or a mapping"),
});
