// The file is edited while a rollout stands half-way, and somebody takes the rollout up by it.
import { writeFileSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { freePort } from "../../src/demo/ports.ts";
import { mustExit } from "../support/exit.ts";
import { hasNginx } from "../support/nginx.ts";
import { openWorkspace, type Workspace } from "../support/workspace.ts";

const PATIENCE = 120_000;
const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** v2 serves a part of the users in the first slot, v1 the others; nobody carries the rollout. */
async function halfWay(): Promise<Workspace> {
  const rollout = { steps: [{ share: "25%", approve: true }, { share: "100%" }], drain: "30s" };
  const workspace = await openWorkspace({ edit: (sections) => ({ ...sections, rollout, analysis: "off" }) });
  closing.push(workspace.close);
  await workspace.bringUp("v1");
  const releasing = workspace.start(["release", "v2"]);
  await releasing.says(/waits for approval|promote/);
  releasing.child.kill("SIGTERM");
  mustExit(await releasing.done, 5);
  return workspace;
}

type Edit = (text: string, workspace: Workspace) => Promise<string>;

const EDITS: readonly (readonly [string, Edit, RegExp])[] = [
  [
    "a slot more at the front",
    async (text, { slots }) => text.replace(`- ${slots[0]}`, `- ${await freePort()}\n      - ${slots[0]}`),
    /was begun without slot here:\d+, which the file has now/,
  ],
  [
    "a slot more at the end",
    async (text, { slots }) => text.replace(`- ${slots[1]}`, `- ${slots[1]}\n      - ${await freePort()}`),
    /was begun without slot here:\d+, which the file has now/,
  ],
  [
    "its slots the other way round",
    (text, { slots: [a, b] }) =>
      Promise.resolve(text.replace(`- ${a}`, "- FIRST").replace(`- ${b}`, `- ${a}`).replace("FIRST", `${b}`)),
    /was begun with slots in the order/,
  ],
  [
    "another root",
    (text, { root }) => Promise.resolve(text.replace(`root: ${root}`, `root: ${root}-elsewhere`)),
    /was begun with root \S+\/srv of here; the file has \S+\/srv-elsewhere/,
  ],
];

interface Moved {
  readonly what: string;
  readonly release: string;
  /** The whole root is where the file then has it. */
  readonly along?: true;
  readonly edit: (text: string, workspace: Workspace) => string;
  readonly dirOf: (workspace: Workspace, slot: number) => string;
}

const elsewhere = {
  edit: (text: string, { root }: Workspace) => text.replace(`root: ${root}`, `root: ${root}-elsewhere`),
  dirOf: ({ root }: Workspace, slot: number) => `${root}-elsewhere/slots/${slot}`,
};
const MOVED: readonly Moved[] = [
  { what: "another root", release: "v2", ...elsewhere },
  { what: "a root to which all was moved", release: "v3", along: true, ...elsewhere },
  {
    what: "other directories of its slots",
    release: "v4",
    edit: (text, { root, slots }) =>
      slots.reduce(
        (all, port) => all.replace(`- ${port}`, `- { port: ${port}, dir: ${root}/app${port} }`),
        text,
      ),
    dirOf: ({ root }, slot) => `${root}/app${slot}`,
  },
];

describe.skipIf(!hasNginx("integration: edited"))("a file with other places", () => {
  /** Each release follows upon the one before. */
  let workspace: Workspace;
  beforeAll(async () => {
    workspace = await openWorkspace({
      releases: { v1: {}, v2: {}, v3: {}, v4: {} },
      edit: (sections) => ({ ...sections, analysis: "off" }),
    });
    closing.push(workspace.close);
    await workspace.bringUp("v1");
  });

  it.each(MOVED)(
    "is no file of the slots that serve, with $what: a release is refused, and the one after it goes",
    async ({ release, along, edit, dirOf }) => {
      const { root } = workspace;
      const file = join(workspace.directory, "glidepath.yaml");
      const asItWas = await readFile(file, "utf8");
      await writeFile(file, edit(asItWas, workspace));
      if (along) await rename(root, `${root}-elsewhere`);
      const refused = await workspace.glidepath("release", release);
      if (along) await rename(`${root}-elsewhere`, root);
      mustExit(refused, 3);
      const places = workspace.slots.map((slot) => `here:${slot} (${dirOf(workspace, slot)})`).join(", ");
      expect(refused.stderr).toContain(`are not where the file has them: ${places}`);
      expect(refused.stderr).toContain("put root and dir of their hosts back");
      expect((await workspace.status()).rollout).toBeNull();
      await writeFile(file, asItWas);
      mustExit(await workspace.glidepath("release", release), 0);
    },
    PATIENCE,
  );
});

describe.skipIf(!hasNginx("integration: edited"))("files that were removed below what serves them", () => {
  it(
    "are no place to which it could go back, and what is said then leads out of it",
    async () => {
      const workspace = await openWorkspace({
        edit: ({ smoke: _smoke, ...sections }, { slots, root, nginx }) => {
          const servers = slots.map(
            (slot) => `server { listen 127.0.0.1:${slot}; root ${root}/slots/${slot}; }\n`,
          );
          writeFileSync(join(nginx.confd, "files.conf"), servers.join(""));
          return { ...sections, analysis: "off", run: { static: true }, health: { tcp: true } };
        },
      });
      closing.push(workspace.close);
      await workspace.bringUp("v1");
      for (const below of ["slots", "releases"]) {
        await rm(join(workspace.root, below), { recursive: true });
      }
      const refused = await workspace.glidepath("release", "v2");
      mustExit(refused, 3);
      expect(refused.stderr).toContain("put any file into these directories");
      for (const slot of workspace.slots) {
        await mkdir(join(workspace.root, "slots", `${slot}`), { recursive: true });
        await writeFile(join(workspace.root, "slots", `${slot}`, "any"), "");
      }
      mustExit(await workspace.glidepath("release", "v2"), 0);
    },
    PATIENCE,
  );
});

describe.skipIf(!hasNginx("integration: edited"))("a file that is edited in the middle of a rollout", () => {
  let workspace: Workspace;
  beforeAll(async () => {
    workspace = await halfWay();
  });

  it.each(EDITS)(
    "with %s is refused by name before anything is done",
    async (_, edit, says) => {
      const file = join(workspace.directory, "glidepath.yaml");
      const asItWas = await readFile(file, "utf8");
      onTestFinished(() => writeFile(file, asItWas));
      await writeFile(file, await edit(asItWas, workspace));
      expect(await readFile(file, "utf8")).not.toBe(asItWas);
      for (const order of ["abort", "resume"]) {
        const refused = await workspace.glidepath(order);
        mustExit(refused, 3);
        expect(refused.stderr).toMatch(says);
        expect(refused.stderr).toContain("put it back into the file as it was");
      }
      expect(await workspace.inSlots()).toEqual(["v2", "v1"]);
    },
    PATIENCE,
  );

  it("as it was goes back, whatever was refused before", async () => {
    mustExit(await workspace.glidepath("abort"), 1);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
  });
});
