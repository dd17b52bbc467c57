import type { CommandRow } from "../command.ts";

export const demo: CommandRow = {
  name: "demo",
  summary: "everything on this machine in a temporary directory: real nginx, an application, load",
  options: [
    { flags: "--keep", help: "leave the directory there at the end" },
    { flags: "--no-gray", help: "leave out the gray release, which takes longest" },
  ],
  run: ({ deps, io, flags, options }) =>
    deps.demo({
      stdout: (text) => io.stdout(text),
      stderr: (text) => io.stderr(text),
      keep: options["keep"] === true,
      gray: options["gray"] !== false,
      json: flags.json,
      color: flags.color,
    }),
};
