import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse, stringify } from "yaml";
import { APP_FILE, writeRelease } from "../../src/demo/artifacts.ts";
import { startNginx, workerPids } from "../../src/demo/nginx.ts";
import { mustExit } from "../support/exit.ts";
import { failuresOf } from "../support/load.ts";
import { hasNginx } from "../support/nginx.ts";
import { until } from "../support/until.ts";
import { type Workspace, openWorkspace } from "../support/workspace.ts";

interface Running {
  readonly workspace: Workspace;
  /** The user's own file in nginx. */
  readonly site: string;
  readonly text: string;
}

const siteText = (port: number, slots: readonly number[]): string => `# written by hand
upstream byhand {
${slots.map((slot) => `    server 127.0.0.1:${slot};`).join("\n")}
}
server {
    listen 127.0.0.1:${port};
    location / {
        proxy_pass http://byhand;   # everything
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header X-Team shop;
        proxy_read_timeout 20s;
    }
}
`;

/** The application runs in two directories and nginx serves it; nobody has heard of Glidepath. */
async function runningByHand(): Promise<Running> {
  const workspace = await openWorkspace({
    start: false,
    releases: { v1: {}, v2: {} },
    nginx: { http: "add_header X-Frame-Options DENY always;" },
  });
  onTestFinished(workspace.close);
  const { directory, slots, port, nginx } = workspace;
  rmSync(workspace.file);
  for (const slot of slots) {
    const dir = join(directory, "www", String(slot));
    mkdirSync(join(directory, "www"), { recursive: true });
    writeRelease(dir, { release: "v0" });
    const child = spawn(process.execPath, [APP_FILE], {
      cwd: dir,
      env: { ...process.env, PORT: String(slot) },
      detached: true,
      stdio: "ignore",
    });
    child.unref();
  }
  // An upstream written by hand takes a slot away for 10 s when it is asked too early.
  await expect.poll(workspace.inSlots, { timeout: 60_000 }).toEqual(slots.map(() => "v0"));
  const site = join(nginx.confd, "site.conf");
  const text = siteText(port, slots);
  writeFileSync(site, text);
  await startNginx(nginx);
  return { workspace, site, text };
}

const optionsOf = ({ workspace }: Running): readonly string[] => {
  const { nginx, artifacts, root, directory } = workspace;
  const places = ["--nginx", nginx.binary, "--main", nginx.main, "--root", root];
  return [
    ...places,
    "--state",
    join(directory, "switch"),
    "--artifact",
    `${artifacts}/shop-{release}.tar.gz`,
  ];
};

/** As an operator would after a look at the file: this nginx logs elsewhere, and health is quick to tell. */
function corrected({ workspace }: Running): void {
  const file = parse(readFileSync(workspace.file, "utf8")) as Record<string, object>;
  writeFileSync(
    workspace.file,
    stringify({
      ...file,
      gateway: { ...file["gateway"], log: join(workspace.nginx.directory, "logs", "shop.log") },
      health: { http: "/healthz", every: "100ms" },
    }),
  );
}

describe.skipIf(!hasNginx("integration: adopt"))("what nginx serves already", () => {
  it("is taken over, released, rolled back and given back; no request of a release is lost", async () => {
    const running = await runningByHand();
    const { workspace, site, text } = running;
    const load = await workspace.load();
    const options = optionsOf(running);
    const looked = await workspace.glidepath("adopt", "byhand", ...options);
    mustExit(looked, 3);
    expect(looked.stderr).toContain("-        proxy_pass http://byhand;   # everything");
    expect(readFileSync(site, "utf8")).toBe(text);
    corrected(running);
    const old = workerPids(workspace.nginx);
    mustExit(await workspace.glidepath("adopt", "byhand", "--yes", ...options), 0);
    expect(readFileSync(site, "utf8")).toContain("X-Team shop");
    // From the main file: the gateway's own cookie would have ended its inheritance.
    const { headers } = await fetch(workspace.url);
    expect([headers.get("x-frame-options"), headers.has("set-cookie")]).toEqual(["DENY", true]);
    // The last of the old workers closes its idle connections before anything is released.
    await until(
      () => workerPids(workspace.nginx),
      (pids) => !pids.some((pid) => old.includes(pid)),
    );
    const released = Date.now();
    mustExit(await workspace.glidepath("release", "v1"), 0);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
    mustExit(await workspace.glidepath("rollback"), 0);
    expect(await workspace.inSlots()).toEqual(["v0", "v0"]);
    const rolledBack = Date.now();
    mustExit(await workspace.glidepath("adopt", "--undo"), 0);
    expect(readFileSync(site, "utf8")).toBe(text);
    expect(existsSync(join(workspace.nginx.confd, "00-glidepath-byhand.conf"))).toBe(false);
    const report = await load.stop();
    // At its reloads this nginx may reset idle keep-alive connections; nothing else, and never in a release.
    const isAtReload = ({ sentAt, kind }: (typeof report.failures)[number]): boolean =>
      kind === "reset" && (sentAt < released || sentAt > rolledBack);
    const failures = report.failures.filter((one) => !isAtReload(one));
    expect(failuresOf({ ...report, failures })).toEqual([]);
    expect(report.failed).toBeLessThan(report.requests / 50);
  });

  it("is taken over once more after it was given back, and then released", async () => {
    const running = await runningByHand();
    const { workspace, site, text } = running;
    const options = optionsOf(running);
    await workspace.glidepath("adopt", "byhand", ...options);
    corrected(running);
    for (let times = 0; times < 2; times++) {
      mustExit(await workspace.glidepath("adopt", "byhand", "--yes", ...options), 0);
      mustExit(await workspace.glidepath("adopt", "--undo"), 0);
      expect(readFileSync(site, "utf8")).toBe(text);
    }
    mustExit(await workspace.glidepath("adopt", "byhand", "--yes", ...options), 0);
    mustExit(await workspace.glidepath("release", "v1"), 0);
    expect(await workspace.inSlots()).toEqual(["v1", "v1"]);
    // The site is named, and not Glidepath's own file, without which nginx would start no more.
    const adopted = readFileSync(site, "utf8");
    writeFileSync(site, `${adopted}# mine\n`);
    const refused = await workspace.glidepath("adopt", "--undo");
    mustExit(refused, 3);
    expect(refused.stderr).toMatch(/site[.]conf was edited since it was taken over[^]*[+]# mine/);
    expect(refused.stderr).not.toContain("is written anew");
    expect(readFileSync(site, "utf8")).toBe(`${adopted}# mine\n`);
  });

  it("stays as it is when nginx would refuse the change", async () => {
    const running = await runningByHand();
    const { workspace, site } = running;
    const options = optionsOf(running);
    await workspace.glidepath("adopt", "byhand", ...options);
    corrected(running);
    const refusing = siteText(workspace.port, workspace.slots).replace(
      "        proxy_read_timeout 20s;\n",
      "        include extra/*.conf;\n",
    );
    mkdirSync(join(workspace.nginx.directory, "extra"));
    writeFileSync(join(workspace.nginx.directory, "extra", "a.conf"), "include extra/b;\n");
    writeFileSync(join(workspace.nginx.directory, "extra", "b"), "root /srv;\n");
    writeFileSync(site, refusing);
    const refused = await workspace.glidepath("adopt", "byhand", "--yes", ...options);
    mustExit(refused, 3);
    expect(refused.stderr).toContain('"root" directive is duplicate');
    expect(refused.stderr).toContain("perhaps by a file that it includes");
    expect(readFileSync(site, "utf8")).toBe(refusing);
    const undone = await workspace.glidepath("adopt", "--undo");
    mustExit(undone, 3);
  });

  it.each([
    ["nothing", "nginx has no upstream nothing; there are: byhand"],
    ["", "name the upstream"],
  ])("an upstream %j that is not there is told", async (upstream, said) => {
    const running = await runningByHand();
    const { glidepath } = running.workspace;
    const ran = await glidepath("adopt", ...(upstream === "" ? [] : [upstream]), ...optionsOf(running));
    expect(ran.stderr).toContain(said);
    expect(existsSync(running.workspace.file)).toBe(false);
  });
});
