import { expect, test } from "vitest";
import { loginEnvironment } from "./environment.ts";

test("an environment is what a login has, and the administrator's tools are found", () => {
  const environment = {
    HOME: "/home/ann",
    LC_ALL: "C",
    TOKEN: "secret",
    PATH: "/opt/bin:/usr/bin",
    GONE: undefined,
  };
  expect(loginEnvironment(environment)).toEqual({
    HOME: "/home/ann",
    LC_ALL: "C",
    PATH: "/opt/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin",
  });
});

test("without a PATH the system's own remains", () => {
  expect(loginEnvironment({}).PATH).toBe("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
});
