// An application that is asked to send its clients elsewhere: it hears it, and nothing else is changed.
import { createServer, type Server } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import type { RunSpec } from "../../../src/model/application.ts";
import type { Ask, DrainAsk } from "../../../src/model/drain.ts";
import type { ReleaseId } from "../../../src/model/ids.ts";
import { commandRun, place, stamp, until, type Place } from "./place.ts";

const V1 = "v1" as ReleaseId;
const DONE = { kind: "done" };
const places: Place[] = [];
const servers: Server[] = [];
afterEach(async () => {
  for (const one of places.splice(0)) await one.close();
  for (const one of servers.splice(0)) one.close();
});

const asking = (ask: Ask): DrainAsk => ({ kinds: ["websockets"], ask });
const SIGNAL = asking({ kind: "signal", signal: "SIGUSR1" });
/** Says what it hears; unheard, the signal would end it. */
const LISTENS = "trap 'echo heard' USR1; echo ready; while :; do sleep 0.05; done";

async function running(run: RunSpec): Promise<Place> {
  const here = await place(run);
  places.push(here);
  expect(await here.driver.switch(here.slot, V1, stamp(1))).toMatchObject(DONE);
  expect(await here.driver.start(here.slot, stamp(2))).toMatchObject(DONE);
  return here;
}

const says = (here: Place, text: string): Promise<void> =>
  until(async () => (await here.log()).includes(text));
/** As often as it was started: the log goes on, and before it is ready the signal would end it. */
const isReady = (here: Place, starts = 1): Promise<void> =>
  until(async () => (await here.log()).split("\nready\n").length > starts);

describe("by a signal", () => {
  test.each([
    ["the application itself", 'sh -c "$LISTENS"'],
    ["and not a shell that stands before it", 'sh -c "$LISTENS"; echo over'],
  ])("%s hears it, and goes on", async (_, command) => {
    const here = await running(commandRun(command, { env: { LISTENS } }));
    await isReady(here);
    expect(await here.driver.ask(here.slot, SIGNAL, stamp(2))).toMatchObject(DONE);
    await says(here, "heard");
    expect(await here.seen()).toMatchObject({ process: "running", restarts: 0, generation: 2 });
    expect(await here.log()).not.toContain("over");
  });

  test("whose time is over is refused, so that no later process hears it", async () => {
    const here = await running(commandRun('sh -c "$LISTENS"', { env: { LISTENS } }));
    await isReady(here);
    expect(await here.driver.stop(here.slot, stamp(5))).toMatchObject(DONE);
    expect(await here.driver.start(here.slot, stamp(6))).toMatchObject(DONE);
    await isReady(here, 2);
    expect(await here.driver.ask(here.slot, SIGNAL, stamp(4))).toMatchObject({
      kind: "refused",
      error: { code: "slot.fenced" },
    });
    // The control: the same with a newer number is heard; nothing of it is kept.
    expect(await here.driver.ask(here.slot, SIGNAL, stamp(7, "r2"))).toMatchObject(DONE);
    await says(here, "heard");
    expect(await here.seen()).toMatchObject({ generation: 6, writer: "r1" });
  });

  test("that nobody is there to hear is done", async () => {
    const here = await running(commandRun("sleep 1000"));
    expect(await here.driver.stop(here.slot, stamp(3))).toMatchObject(DONE);
    expect(await here.driver.ask(here.slot, SIGNAL, stamp(3))).toMatchObject(DONE);
  });
});

describe("by a command", () => {
  test("it runs in the slot with its variables, as a release does", async () => {
    const here = await running(commandRun("sleep 1000", { env: { WORD: "it's $HOME" } }));
    const command =
      'printf "%s %s %s\\n" "$(cat name)" {port} "$WORD" >>"$GLIDEPATH_DIR/asked"; cat asked >&2; exit 3';
    const ask = asking({ kind: "run", command });
    const outcome = await here.driver.ask(here.slot, ask, stamp(2));
    expect(outcome).toMatchObject({ kind: "refused", error: { code: "slot.ask" } });
    const details = outcome.kind === "refused" ? outcome.error.details : "";
    expect(details).toBe(`v1 ${here.slot.port} it's $HOME\nexit code 3`);
    const good = asking({ kind: "run", command: "true" });
    expect(await here.driver.ask(here.slot, good, stamp(2))).toMatchObject(DONE);
  });
});

describe("by a request", () => {
  test.each([
    [204, DONE],
    [404, { kind: "refused", error: { code: "slot.ask" } }],
  ])("an answer of %i tells whether it was heard", async (status, expected) => {
    const here = await place(commandRun("sleep 1000"));
    places.push(here);
    const heard: string[] = [];
    const server = createServer((request, response) => {
      heard.push(`${request.method} ${request.url}`);
      response.writeHead(status).end();
    });
    servers.push(server);
    await new Promise<void>((done) => server.listen(here.slot.port, "127.0.0.1", done));
    const ask = asking({ kind: "http", path: "/drain?all", method: "POST" });
    expect(await here.driver.ask(here.slot, ask, stamp(2))).toMatchObject(expected);
    expect(heard).toEqual(["POST /drain?all"]);
  });
});
