import { getOver } from "../../src/drivers/local/http.ts";
import { runProgram } from "../../src/drivers/local/process.ts";
import { sshHosts } from "../../src/drivers/ssh/host.ts";
import type { HostName } from "../../src/model/ids.ts";
import type { HostPort } from "../../src/ports/host.ts";
import type { Target } from "./sshd.ts";

/** The machine behind an sshd, as a HostPort. */
export const sshTo = ({ config, address }: Pick<Target, "config" | "address">, name: HostName): HostPort =>
  sshHosts({ runProgram, getOver, config })(name, address);
