import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Survey } from "./deps.ts";
import { questionsOf } from "./commands/init.ts";
import { defaultsFrom, nameFrom } from "./survey.ts";
import { fakeIo, runFake } from "./testing/fakes.ts";

const survey: Survey = {
  binary: "/usr/sbin/nginx",
  main: "/etc/nginx/nginx.conf",
  confDir: "/etc/nginx/sites-enabled",
  listens: ["8080", "80"],
  upstreams: [
    { name: "remote", servers: ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"] },
    { name: "one", servers: ["127.0.0.1:9000"] },
    { name: "My_App", servers: ["127.0.0.1:801 weight=2", "localhost:802"] },
  ],
};

test("what is offered comes from the nginx of this machine", () => {
  expect(defaultsFrom(survey, "anything")).toMatchObject({
    app: "my-app",
    root: "/srv/my-app",
    ports: [801, 802],
    listen: ["8080"],
    nginx: "/usr/sbin/nginx",
    config: "/etc/nginx/sites-enabled/my-app.conf",
  });
});

test("without an nginx it is named after the directory, and has defaults that work", () => {
  expect(defaultsFrom(null, "Shop 2")).toMatchObject({ app: "shop-2", ports: [8001, 8002], listen: ["80"] });
});

test.each([
  ["Shop", "shop"],
  ["my_app.v2", "my-app-v2"],
  ["42-answers-", "answers"],
  ["商店", "app"],
  ["", "app"],
  [`${"a".repeat(31)}-b`, "a".repeat(31)],
])("a directory %j makes the name %s", (directory, name) => {
  expect(nameFrom(directory)).toBe(name);
});

test("Glidepath's own upstreams are not taken for an application", () => {
  const ours = [{ name: "glidepath_web_s0", servers: ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"] }];
  expect(defaultsFrom({ ...survey, upstreams: ours }, "shop")).toMatchObject({
    app: "shop",
    ports: [8001, 8002],
  });
});

test("no question is longer than a line of 80 columns and its frame", () => {
  const messages = questionsOf(defaultsFrom(survey, "x")).map(({ message }) => message);
  expect(messages).toHaveLength(6);
  expect(messages.filter((message) => message.length > 76)).toEqual([]);
});

test("what bears the application's name follows the name that is answered", () => {
  const defaults = defaultsFrom(survey, "x");
  const answers = questionsOf(defaults)[0]?.put(defaults, "kiosk") ?? defaults;
  expect(answers.config).toBe("/etc/nginx/sites-enabled/kiosk.conf");
  expect(
    questionsOf(answers)
      .map(({ initial }) => initial)
      .slice(1, 3),
  ).toEqual(["https://downloads.example.com/kiosk/kiosk-{release}.tar.gz", "/srv/kiosk"]);
});

test("at most six questions are asked, and every default is a good answer", () => {
  const questions = questionsOf(defaultsFrom(survey, "x"));
  expect(questions.length).toBeLessThanOrEqual(6);
  expect(questions.map(({ initial, refuse }) => refuse(initial))).toEqual(questions.map(() => null));
});

test.each([
  [0, "Shop!", "a to z, 0 to 9 and -, beginning with a letter"],
  [1, "https://x/y.tgz", "write {release} where the release's name belongs"],
  [2, "srv", "an absolute path"],
  [3, "8001", "a smooth release needs two slots: one serves while the other is updated"],
  [3, "8001, 8001", "each slot needs a port of its own"],
  [3, "8001, x", "ports are whole numbers from 1 to 65535, for example 8001, 8002"],
  [4, "  ", "something must stand here"],
  [5, "healthz", "a path, beginning with /, or -"],
])("question %s refuses %j", (index, answer, why) => {
  expect(questionsOf(defaultsFrom(null, "x"))[index]?.refuse(answer)).toBe(why);
});

describe("init", () => {
  test("with --yes writes the defaults", async () => {
    const io = fakeIo();
    const { code } = await runFake("init --yes", io, { deps: { survey: async () => survey } });
    expect(code).toBe(0);
    expect(parse(io.written.get("glidepath.yaml") ?? "")).toMatchObject({ app: "my-app" });
  });

  test("writes what was answered", async () => {
    const url = "https://x/{release}.tgz";
    const io = fakeIo({ interactive: true, answers: ["blog", url, "/srv/blog", "9001 9002", "-", "-"] });
    const { code } = await runFake("init --file blog.yaml", io);
    expect(code).toBe(0);
    expect(parse(io.written.get("blog.yaml") ?? "")).toMatchObject({ app: "blog", artifact: { url } });
  });

  test.each([
    ["gives up at a question", { interactive: true, answers: ["blog", null] }, "init", 5],
    ["keeps a file that is there", { files: ["glidepath.yaml"] }, "init --yes", 2],
    ["keeps it when asked", { interactive: true, files: ["glidepath.yaml"], answers: ["no"] }, "init", 2],
    ["asks nothing without a terminal", {}, "init", 2],
  ])("%s, and writes nothing", async (_, options, args, code) => {
    const io = fakeIo(options);
    expect((await runFake(args, io)).code).toBe(code);
    expect(io.written.size).toBe(0);
  });

  test("replaces a file when that was said", async () => {
    const answers = ["yes", "blog", "/x/{release}.tgz", "/srv/blog", "1 2", "./run", "/"];
    const io = fakeIo({ interactive: true, files: ["glidepath.yaml"], answers });
    expect((await runFake("init", io)).code).toBe(0);
    expect(io.written.size).toBe(1);
  });
});
