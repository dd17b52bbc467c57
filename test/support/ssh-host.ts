import process from "node:process";
import { getOver } from "../../src/drivers/local/http.ts";
import { runProgram } from "../../src/drivers/local/process.ts";
import type { Ssh } from "../../src/drivers/ssh/connection.ts";
import { sshHost } from "../../src/drivers/ssh/host.ts";
import { limit } from "../../src/drivers/ssh/limit.ts";
import type { HostName } from "../../src/model/ids.ts";
import type { HostPort } from "../../src/ports/host.ts";
import type { Target } from "./sshd.ts";

export const sshOf = (config: string): Ssh => ({
  runProgram,
  environment: process.env,
  config,
  connecting: limit(16),
});

/** The machine behind an sshd, as a HostPort. */
export const sshTo = ({ config, address }: Pick<Target, "config" | "address">, name: HostName): HostPort =>
  sshHost({ ssh: sshOf(config), getOver, name, address });
