import { seededRandom, type Random } from "../../src/base/random.ts";
import { after, instant, minutes, seconds, type Instant } from "../../src/base/time.ts";
import { isEnded, isStuck, type Order, type Rollout } from "../../src/model/rollout.ts";
import type { ReleaseId } from "../../src/model/ids.ts";
import type { ControlPlane } from "../../src/ports/control.ts";
import { createControl } from "../../src/engine/control.ts";
import type { Harm } from "../../src/sim/harms.ts";
import { createWorld, type Controller, type SimPorts, type World } from "../../src/sim/world.ts";
import type { WorldOptions } from "../../src/sim/world.ts";

export interface SimulationOptions extends Omit<WorldOptions, "onKilled"> {
  /** What lies between the engine and the world: where bugs are planted. */
  readonly wrap?: (ports: SimPorts) => SimPorts;
  /** Nobody gives orders but those that are needed to come to an end. */
  readonly quiet?: boolean;
}

export interface Report {
  readonly seed: number;
  /** Laws that were broken; an end that never came is law 10. */
  readonly broken: readonly Harm[];
  /** How the last rollout stands, by what is on disk. */
  readonly end: string;
  /** Every line of the journal. */
  readonly journal: string;
  /** What runs where at the end. */
  readonly fleet: string;
  readonly description: string;
  readonly trace: readonly string[];
  readonly writes: number;
  /** Requests that a stop cut although they had their drain time; and how many the rollout says. */
  readonly cut: {
    readonly really: number;
    readonly reported: number;
    /** By the receipts of all rollouts; null: one has none, or could not read all. */
    readonly counted: number | null;
  };
  readonly events: number;
  /** What a person who looks on was told, in order. */
  readonly told: readonly string[];
  /** Simulated time, in seconds. */
  readonly took: number;
}

/** After the last fault, how long the story may go on. */
const PATIENCE = minutes(30);
/** After the last fault, how long a dead host stays dead. */
const REPLACED = minutes(2);
/** Writes that are late arrive at last within this time. */
const AFTERMATH = seconds(25);

/** One story: a rollout, perhaps its rollback, everything that the seed does to them, and the end. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Report> {
  const story = new Story(seed, options);
  await story.tell();
  return story.report();
}

/** What writes have made of the fleet, but for lost hosts; what runs may crash by itself. */
function intended(world: World, lost: readonly string[]): string {
  const lines = world
    .describe()
    .replaceAll(/ (running|stopped)/g, "")
    .split("\n");
  return lines
    .filter((line) => !lost.some((host) => line.startsWith(`${host}:`) || line.startsWith(`${host} `)))
    .join("\n");
}

function countedIn(world: World): number | null {
  const receipts = [...world.store.rollouts.values()].map(({ receipt }) => receipt);
  const isWhole = receipts.every((one) => one !== null && one.missing.length === 0);
  return isWhole ? receipts.reduce((sum, receipt) => sum + (receipt?.cut ?? 0), 0) : null;
}

class Story {
  readonly #seed: number;
  readonly #options: SimulationOptions;
  readonly #random: Random;
  readonly #world: World;
  readonly #broken: Harm[] = [];
  readonly #hasTwo: boolean;
  readonly #told: string[] = [];
  #before: Rollout | null = null;
  #isOver = false;
  #attempts = 0;

  constructor(seed: number, options: SimulationOptions) {
    this.#seed = seed;
    this.#options = options;
    this.#random = seededRandom(seed ^ 0x0b5e_7a11);
    this.#hasTwo = options.quiet !== true && this.#random.chance(0.3);
    const onKilled = (): void => this.#later(this.#random.int(50, 8000), () => this.#launch());
    this.#world = createWorld(seed, { ...options, onKilled });
  }

  async tell(): Promise<void> {
    const world = this.#world;
    this.#launch();
    if (this.#options.quiet !== true) {
      this.#arrangeOrders();
      this.#arrangeHaste();
      this.#arrangeReturn();
    }
    this.#help();
    const limit = after(world.faultsUntil, PATIENCE);
    const halt = await world.run(() => this.#isOver, limit);
    if (halt !== "until") return this.#breakLaw(10, `no end: ${halt}, ${this.#because()}`);
    const lost = this.#leftOut();
    const end = intended(world, lost);
    await world.run(() => false, after(world.timeline.now(), AFTERMATH));
    const later = intended(world, lost);
    if (later !== end) this.#breakLaw(9, `after the end:\n${end}\n→\n${later}`);
  }

  report(): Report {
    const world = this.#world;
    return {
      seed: this.#seed,
      broken: [...world.harms(), ...this.#broken],
      end: world.rollout()?.phase.name ?? "nothing was started",
      journal: world.store.entries.map((entry) => JSON.stringify(entry)).join("\n"),
      fleet: world.describe(),
      description: world.description,
      trace: world.trace,
      writes: world.store.writes,
      cut: { really: world.cut(), reported: world.rollout()?.cut ?? 0, counted: countedIn(world) },
      events: world.timeline.happened,
      told: this.#told,
      took: (world.timeline.now() - (world.store.entries[0]?.at ?? world.timeline.now())) / 1000,
    };
  }

  /**
   * Hosts that a rollout left out: a write to them may still arrive. A rollout that touched nothing has
   * fenced nothing off either: then it goes for those of the one before it, too.
   */
  #leftOut(): readonly string[] {
    const rollout = this.#world.rollout();
    const before = rollout?.touched === false ? this.#before : null;
    return [rollout, before].flatMap((one) => one?.excluded ?? []);
  }

  /** A controller process: it starts the rollout or takes it over, and carries it for as long as it lives. */
  #launch(): void {
    const controller = this.#world.boot();
    const ports = this.#options.wrap?.(controller.ports) ?? controller.ports;
    const control = createControl(this.#world.scenario.application, ports);
    this.#carry(control, controller).catch((cause: unknown) => {
      this.#breakLaw(0, `thrown: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`);
      this.#isOver = true;
    });
  }

  async #carry(control: ControlPlane, controller: Controller): Promise<void> {
    const begun = await this.#begin(control);
    if (!begun) return this.#again(controller);
    const ended = await control.run(new AbortController().signal, (event) => {
      if (event.kind === "decided") this.#told.push(event.rollout.because);
    });
    if (!ended.ok) return this.#again(controller);
    this.#world.kill(controller);
    if (ended.value.phase.name === "stuck") return this.#unstick(ended.value);
    const current = this.#world.rollout();
    if (current !== null && !isEnded(current)) return;
    if (this.#hasSequel()) return this.#launch();
    this.#isOver = true;
  }

  async #begin(control: ControlPlane): Promise<boolean> {
    const options = { sha256: null, by: "alice" };
    const rollout = this.#world.rollout();
    if (rollout === null) return (await control.start(this.#world.scenario.canary, options)).ok;
    if (!isEnded(rollout) || isStuck(rollout)) return (await control.takeOver("alice")).ok;
    if (!this.#hasSequel()) {
      this.#isOver = true;
      return false;
    }
    this.#before = rollout;
    const isDone = rollout.phase.name === "completed";
    const { canary } = this.#world.scenario;
    const isNext = rollout.phase.name === "superseded" || (isDone && rollout.release === canary);
    const release = isNext ? NEXT_RELEASE : canary;
    const isBack = isDone && rollout.from !== null && this.#random.chance(0.7);
    return isBack ? (await control.rollback(null, options)).ok : (await control.start(release, options)).ok;
  }

  /** Some stories go on at once with another rollout, while writes of the first may still arrive. */
  #hasSequel(): boolean {
    const { rollouts } = this.#world.store;
    const isSuperseded = this.#world.rollout()?.phase.name === "superseded";
    return (this.#hasTwo || isSuperseded) && rollouts.size < 2;
  }

  /** Whoever cannot go on ends, and is started again after a while. */
  #again(controller: Controller): void {
    if (this.#isOver) return;
    this.#world.kill(controller);
    this.#later(1000, () => this.#launch());
  }

  /** A stuck rollout says what the operator can do; once all is well again, he does. */
  #unstick(rollout: Rollout): void {
    const { phase } = rollout;
    if (phase.name === "stuck" && phase.error.message === "") this.#breakLaw(10, "stuck without a reason");
    this.#attempts += 1;
    // A release that is bad on a host which was left out has become the stable one, and cannot run there.
    const { canary, behaviours } = this.#world.scenario;
    if (this.#attempts > 5 && rollout.from === canary && behaviours[canary] !== "good") {
      this.#isOver = true;
      return;
    }
    if (this.#attempts > 5) {
      this.#breakLaw(10, `stuck although all is well: ${rollout.because}`);
      this.#isOver = true;
      return;
    }
    const wait = Math.max(0, this.#world.faultsUntil - this.#world.timeline.now()) + 22_000;
    this.#later(wait, () => {
      this.#world.repair();
      this.#order({ kind: "abort", reason: "stuck" });
      this.#later(100, () => this.#launch());
    });
  }

  /** What people say while it runs, and a second one who wants to release too. */
  #arrangeOrders(): void {
    const random = this.#random;
    const count = random.chance(0.5) ? random.int(1, 4) : 0;
    for (let i = 0; i < count; i += 1) {
      const order = random.pick(ORDERS);
      this.#later(random.int(0, 25_000), () => this.#order(order));
    }
    if (random.chance(0.2)) this.#later(random.int(0, 25_000), () => this.#intrude());
    // A third release arrives and takes the place of what is under way.
    if (random.chance(0.15)) {
      this.#later(random.int(0, 25_000), () => this.#order({ kind: "supersede", release: NEXT_RELEASE }));
    }
  }

  /** Orders at the worst moment: soon after another one, and while it goes back. */
  #arrangeHaste(): void {
    const random = seededRandom(this.#seed ^ HASTE);
    if (!random.chance(0.2)) return;
    const first = random.int(500, 20_000);
    const orders = [random.pick(HASTY), random.pick(HASTY), random.pick(HASTY)];
    for (const [i, order] of orders.entries()) {
      this.#later(first + i * random.int(50, 3000), () => this.#order(order));
    }
  }

  /** Slots that boot slowly matter on the way back. */
  #arrangeReturn(): void {
    if (this.#world.context.faults.slowBoots === 0) return;
    const random = seededRandom(this.#seed ^ RETURN);
    this.#later(random.int(2000, 25_000), () => this.#order({ kind: "abort", reason: "not good" }));
  }

  #order(order: Order): void {
    const controller = this.#world.boot();
    const control = createControl(this.#world.scenario.application, controller.ports);
    void control.order(order, "bob").then(() => this.#world.kill(controller));
  }

  #intrude(): void {
    const controller = this.#world.boot();
    const control = createControl(this.#world.scenario.application, controller.ports);
    const starting = control.start(NEXT_RELEASE, { sha256: null, by: "eve" });
    void starting.then(() => this.#world.kill(controller));
  }

  /** Now and then somebody looks whether the rollout waits for a person, or has nobody who carries it. */
  #help(): void {
    const { timeline, faultsUntil } = this.#world;
    this.#later(5000, () => {
      if (this.#isOver) return;
      const rollout = this.#world.rollout();
      const { holding } = this.#world.store;
      if (holding !== null && holding.expires <= timeline.now()) this.#launch();
      // What is dead for good is replaced at last; who is to go on without it has done so by then.
      if (timeline.now() > after(faultsUntil, REPLACED)) this.#world.repair();
      const isCalm = timeline.now() > faultsUntil || this.#options.quiet === true;
      if (isCalm && rollout !== null && !isEnded(rollout)) {
        if (rollout.hook?.state === "unknown") {
          this.#order({ kind: "resume", hook: this.#random.chance(0.5) ? "done" : "again" });
        } else if (rollout.paused !== null) this.#order({ kind: "resume" });
        else if (rollout.phase.name === "approval") this.#order({ kind: "promote", to: "next" });
      }
      this.#help();
    });
  }

  #later(ms: number, run: () => void): void {
    this.#world.timeline.in(ms, () => {
      if (this.#isOver) return;
      this.#world.timeline.wake();
      run();
    });
  }

  #breakLaw(law: number, what: string): void {
    this.#broken.push({ at: this.#now(), law, what });
  }

  #now(): Instant {
    return instant(this.#world.timeline.now());
  }

  #because(): string {
    const rollout = this.#world.rollout();
    return rollout === null ? "nothing was started" : `${rollout.phase.name}: ${rollout.because}`;
  }
}

const NEXT_RELEASE = "v3" as ReleaseId;

const ORDERS: readonly Order[] = [
  { kind: "pause" },
  { kind: "resume" },
  { kind: "abort", reason: "on second thoughts" },
  { kind: "promote", to: "next" },
  { kind: "promote", to: "full" },
  { kind: "promote", to: { share: 7500 } },
];

/** So chosen that the seeds that are replayed for ever tell the stories that they told before. */
const HASTE = 0x3146_6e17;

const RETURN = 0x6b0c_2a11;

const HASTY: readonly Order[] = [
  ...ORDERS,
  { kind: "abort", reason: "at once" },
  { kind: "supersede", release: NEXT_RELEASE },
  { kind: "promote", to: { share: 9000 } },
];
