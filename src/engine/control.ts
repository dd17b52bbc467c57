import { harmOf } from "../analysis/harm.ts";
import { appError, type AppError } from "../base/errors.ts";
import { err, ok, type Result } from "../base/result.ts";
import { after, millis } from "../base/time.ts";
import { slotHosts, type Application } from "../model/application.ts";
import type { ReleaseId, RolloutId } from "../model/ids.ts";
import { ENDED, isEnded, isStuck, type Order, type Rollout } from "../model/rollout.ts";
import type { ControlPlane, PlanStory, RolloutEvent, StartOptions } from "../ports/control.ts";
import type { Fence, Saved } from "../ports/journal.ts";
import { command } from "../rollout/command.ts";
import { seekHook } from "../rollout/hooks.ts";
import { alreadyThere } from "../rollout/create.ts";
import { arithmeticOf } from "../rollout/story.ts";
import { createAdvice, type Advice } from "./advice.ts";
import { serveWhatRuns } from "./adopt.ts";
import { entryOf } from "./entries.ts";
import { neverHere, previousRelease } from "./known.ts";
import { carry, type Held } from "./loop.ts";
import { lookOnce } from "./observer.ts";
import type { EnginePorts } from "./ports.ts";
import { outgrown } from "./outgrown.ts";
import { beginning, newestGeneration, obstacleBefore } from "./preflight.ts";
import { readStatus } from "./status.ts";
import { createNews } from "./news.ts";
import { fateOf } from "./orders.ts";
import { createWatch, type Watch } from "./watch.ts";

interface Carrier {
  readonly application: Application;
  readonly ports: EnginePorts;
  held: Held | null;
}

/** Everything a person can ask, over the engine's ports. One carries at most one rollout at a time. */
export function createControl(application: Application, ports: EnginePorts): ControlPlane {
  const carrier: Carrier = { application, ports, held: null };
  return {
    status: (options) => readStatus(application, ports, options?.look ?? true),
    plan: (release) => plan(carrier, release),
    obstacle: (release, sha256) => obstacleBefore(application, ports, { release, sha256 }),
    serveWhatRuns: (by) => serveWhatRuns(application, ports, by),
    start: (release, options) => start(carrier, { kind: "release", release, options }),
    rollback: (release, options) => rollback(carrier, release, options),
    takeOver: (by) => takeOver(carrier, by),
    run: (signal, onEvent) => run(carrier, signal, onEvent),
    order: (order, by) => giveOrder(carrier, order, by),
    follow: (signal, onEvent) => follow(carrier, signal, onEvent),
    history: (limit) => ports.journal.history(application.name, limit),
    record: async (id) => {
      const record = await ports.journal.find(id);
      return record === null ? null : { record, entries: await ports.journal.entries(id, 0) };
    },
  };
}

async function plan(
  { application, ports }: Carrier,
  release: ReleaseId,
): Promise<Result<PlanStory, AppError>> {
  const saved = await ports.journal.load(application.name);
  if (!saved.ok) return saved;
  if (saved.value.stable === release) return err(alreadyThere(release));
  const sums = arithmeticOf(application, release, saved.value.stable);
  if ("code" in sums) return err(sums);
  const gateways = await Promise.all(
    application.gateways.map(async (gateway) => {
      const preview = await ports.gateways.preview(gateway);
      return { name: gateway.name, config: preview.ok ? preview.value : preview.error };
    }),
  );
  const { analysis, policy, gateway } = application;
  const harm = gateway.passive ? null : harmOf(analysis, policy.steps);
  return ok({ ...sums, gateways, harm });
}

interface Start {
  readonly kind: Rollout["kind"];
  readonly release: ReleaseId;
  readonly options: StartOptions;
}

/** Takes the lease, looks at the world, and writes the rollout down. Refused: nothing was touched. */
async function start(
  carrier: Carrier,
  { kind, release, options }: Start,
): Promise<Result<Rollout, AppError>> {
  const { application, ports } = carrier;
  const lease = await ports.lease.acquire(application.name, options.by);
  if (!lease.ok) return lease;
  const begun = await begin(carrier, { kind, release, options, fence: lease.value });
  if (!begun.ok) await ports.lease.release(application.name, lease.value);
  return begun;
}

async function begin(carrier: Carrier, wanted: Start & { fence: Fence }): Promise<Result<Rollout, AppError>> {
  const { application, ports } = carrier;
  const loaded = await ports.journal.load(application.name);
  if (!loaded.ok) return loaded;
  const saved = loaded.value;
  const busy = stillActive(saved);
  if (busy !== null) return err(busy);
  const created = await beginning(application, ports, {
    ...wanted,
    saved,
    observe: wanted.options.observe ?? false,
    probe: wanted.options.probe ?? false,
  });
  if (!created.ok) return created;
  const { rollout, stable } = created.value;
  const { fence } = wanted;
  const entry = entryOf(rollout, rollout.startedAt, "started");
  const revision = await ports.journal.save({ revision: saved.revision, fence, rollout, stable, entry });
  if (!revision.ok) return revision;
  carrier.held = { rollout, revision: revision.value, stable, fence, sha256: wanted.options.sha256 };
  return ok(rollout);
}

function stillActive({ rollout }: Saved): AppError | null {
  if (rollout === null || (isEnded(rollout) && rollout.phase.name !== "stuck")) return null;
  const how = rollout.phase.name === "stuck" ? "is stuck" : "was interrupted";
  const rest =
    rollout.phase.name === "stuck"
      ? "put right what it names, then `glidepath abort`"
      : "`glidepath resume` goes on with it, `glidepath abort` goes back";
  return appError("rollout.active", `the rollout of ${rollout.release} ${how}: ${rollout.because}`, {
    hint: rest,
  });
}

async function underWay({ application, ports }: Carrier, saved: Saved, by: string): Promise<AppError | null> {
  const busy = stillActive(saved);
  if (busy === null) return null;
  const lease = await ports.lease.acquire(application.name, by);
  if (!lease.ok) return lease.error;
  await ports.lease.release(application.name, lease.value);
  return busy;
}

async function rollback(
  carrier: Carrier,
  release: ReleaseId | null,
  options: StartOptions,
): Promise<Result<Rollout, AppError>> {
  const { application, ports } = carrier;
  const saved = await ports.journal.load(application.name);
  if (!saved.ok) return saved;
  const { stable } = saved.value;
  const target = release ?? (await previousRelease(application, ports, stable));
  if (target !== null) {
    const unknown = release === null ? null : await neverHere(application, ports, { release, stable });
    if (unknown === null) return start(carrier, { kind: "rollback", release: target, options });
    return err((await underWay(carrier, saved.value, options.by)) ?? unknown);
  }
  // Whoever means a release that is under way is told so, and what goes back from there.
  const busy = await underWay(carrier, saved.value, options.by);
  const none = `${application.name}: there is no release before ${stable ?? "the first"}`;
  return err(busy ?? appError("release.unknown", none, { hint: "name one: glidepath rollback RELEASE" }));
}

/** Takes up a rollout whose carrier is gone. */
async function takeOver(carrier: Carrier, by: string): Promise<Result<Rollout, AppError>> {
  const { application, ports } = carrier;
  const lease = await ports.lease.acquire(application.name, by);
  if (!lease.ok) return lease;
  const loaded = await ports.journal.load(application.name);
  const rollout = loaded.ok ? loaded.value.rollout : null;
  if (!loaded.ok || rollout === null || (isEnded(rollout) && rollout.phase.name !== "stuck")) {
    await ports.lease.release(application.name, lease.value);
    return loaded.ok ? err(noRollout(application)) : loaded;
  }
  const changed = outgrown(rollout, application);
  if (changed !== null) {
    await ports.lease.release(application.name, lease.value);
    return err(changed);
  }
  const at = ports.clock.now();
  await ports.journal.note(rollout.id, {
    at,
    kind: "taken-over",
    because: `taken over by ${by}`,
    data: null,
  });
  const { revision, stable } = loaded.value;
  const sought = await raised(carrier, seekHook(rollout), stable);
  carrier.held = {
    rollout: { ...sought, progressAt: at },
    revision,
    stable,
    fence: lease.value,
    sha256: null,
  };
  return ok(rollout);
}

/**
 * One that is stuck may have been overtaken: it goes on above what was written meanwhile. No other one needs
 * a look, which lasts as long as a host is silent.
 */
async function raised(
  { application, ports }: Carrier,
  rollout: Rollout,
  stable: ReleaseId | null,
): Promise<Rollout> {
  if (!isStuck(rollout)) return rollout;
  const seen = await lookOnce(application, ports, { stable, count: false });
  return { ...rollout, generation: newestGeneration(seen, rollout.generation) };
}

const noRollout = (application: Application): AppError =>
  appError("rollout.absent", `${application.name}: no rollout is going on`);

/** nginx flushes its log ten times a second; the time after a rollout needs a moment to be worth a line. */
const AFTERWARDS = millis(1300);

async function run(
  carrier: Carrier,
  signal: AbortSignal,
  onEvent: (event: RolloutEvent) => void,
): Promise<Result<Rollout, AppError>> {
  const { application, ports, held } = carrier;
  if (held === null) return err(noRollout(application));
  const { rollout, fence } = held;
  const news = createNews(ports.clock);
  const onJudged = (): void => news.tell();
  const watch = await createWatch({ application, ports, rollout, fence, onEvent, onJudged });
  const advice = adviceOf(carrier, onEvent);
  const reading = new AbortController();
  const watched = watch.run(reading.signal);
  const follow = (state: Rollout): void => {
    watch.follow(state);
    advice?.follow(state);
  };
  const result = await carry(held, {
    application,
    ports,
    onEvent,
    signal,
    watch: { ...watch, follow },
    news,
  });
  reading.abort();
  await watched;
  carrier.held = null;
  if (result.ok && ENDED.includes(result.value.phase.name)) {
    await tellLacks(carrier, onEvent);
    await afterwards(carrier, { rollout: result.value, watch, onEvent, signal });
  }
  advice?.end();
  await ports.lease.release(application.name, held.fence);
  return result;
}

const adviceOf = ({ application, ports }: Carrier, onEvent: (event: RolloutEvent) => void): Advice | null =>
  ports.idle === undefined
    ? null
    : createAdvice(application, ports.idle, (finding) =>
        onEvent({ kind: "advice", at: ports.clock.now(), finding }),
      );

/** A server block of the user's own is for the user to write: until it is there nobody comes. */
async function tellLacks(
  { application, ports }: Carrier,
  onEvent: (event: RolloutEvent) => void,
): Promise<void> {
  if (application.gateway.mode !== "upstream") return;
  const all = await Promise.all(application.gateways.map((one) => ports.gateways.preview(one)));
  for (const preview of all) {
    const finding = preview.ok ? preview.value.lack : null;
    if (finding !== null) onEvent({ kind: "advice", at: ports.clock.now(), finding });
  }
}

interface Afterwards {
  readonly rollout: Rollout;
  readonly watch: Watch;
  readonly signal: AbortSignal;
  readonly onEvent: (event: RolloutEvent) => void;
}

/** The receipt, and the releases that nobody needs any more. */
async function afterwards(
  { application, ports }: Carrier,
  { rollout, watch, onEvent, signal }: Afterwards,
): Promise<void> {
  const pruned = rollout.phase.name === "completed" ? prune({ application, ports }, rollout) : null;
  if (rollout.touched) await ports.clock.sleep(after(ports.clock.now(), AFTERWARDS), signal);
  await watch.readAll();
  const receipt = watch.receipt(rollout, await ports.journal.entries(rollout.id, 0));
  await ports.journal.attachReceipt(rollout.id, receipt);
  await pruned;
  onEvent({ kind: "ended", at: ports.clock.now(), rollout, receipt });
}

async function prune(
  { application, ports }: Pick<Carrier, "application" | "ports">,
  rollout: Rollout,
): Promise<void> {
  const inUse = [rollout.release, ...(rollout.from === null ? [] : [rollout.from])];
  await Promise.all(slotHosts(application.hosts).map((host) => ports.artifacts.prune(host.name, inUse)));
}

const TAKEN_WITHIN = millis(5000);
const POLL = millis(100);

/** Leaves the order in the store and waits until whoever carries the rollout has taken it. */
async function giveOrder(carrier: Carrier, order: Order, by: string): Promise<Result<Rollout, AppError>> {
  const { application, ports } = carrier;
  const { journal, clock } = ports;
  const loaded = await journal.load(application.name);
  if (!loaded.ok) return loaded;
  const { rollout } = loaded.value;
  if (rollout === null || (isEnded(rollout) && rollout.phase.name !== "stuck"))
    return err(noRollout(application));
  const fits = command(rollout, { order, by }, clock.now());
  if (!fits.ok) return fits;
  const submitted = await journal.submit(rollout.id, order, by);
  if (!submitted.ok) return submitted;
  if (carrier.held !== null) return ok(rollout);
  return untilTaken(carrier, rollout.id, submitted.value.sequence);
}

async function untilTaken(
  carrier: Carrier,
  id: RolloutId,
  sequence: number,
): Promise<Result<Rollout, AppError>> {
  const { application, ports } = carrier;
  const deadline = after(ports.clock.now(), TAKEN_WITHIN);
  for (;;) {
    const loaded = await ports.journal.load(application.name);
    if (!loaded.ok) return loaded;
    const { rollout } = loaded.value;
    if (rollout?.id !== id) return err(noRollout(application));
    const fate = fateOf(rollout, sequence);
    if (fate !== null) return fate;
    if (ports.clock.now() >= deadline) return err(notTaken(rollout));
    await ports.clock.sleep(after(ports.clock.now(), POLL), new AbortController().signal);
  }
}

const notTaken = (rollout: Rollout): AppError =>
  appError(
    "rollout.refused",
    `rollout ${rollout.id}: nobody took the order within 5s; it stays in the store`,
    {
      hint: "`glidepath resume` or `glidepath abort` takes the rollout over when its process is gone",
    },
  );

/** Watches a rollout that somebody else carries. */
async function follow(
  { application, ports }: Carrier,
  signal: AbortSignal,
  onEvent: (event: RolloutEvent) => void,
): Promise<Result<Rollout, AppError>> {
  let seen = -1;
  for (;;) {
    const loaded = await ports.journal.load(application.name);
    if (!loaded.ok) return loaded;
    const { rollout, revision } = loaded.value;
    if (rollout === null) return err(noRollout(application));
    const at = ports.clock.now();
    if (revision !== seen) onEvent({ kind: "decided", at, rollout });
    seen = revision;
    if (isEnded(rollout)) return ok(rollout);
    if (signal.aborted) return ok(rollout);
    await ports.clock.sleep(after(at, POLL), signal);
  }
}
