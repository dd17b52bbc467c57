import { connect } from "node:net";
import type { Duration } from "../../base/time.ts";
import type { HostName } from "../../model/ids.ts";
import type { HostPort } from "../../ports/host.ts";
import { get } from "./http.ts";
import { runScript } from "./process.ts";
import { noAnswer, trouble } from "./trouble.ts";

/** The machine that Glidepath itself is on. */
export function localHost(name: HostName): HostPort {
  return { name, run: runScript, get, connect: tryConnect };
}

function tryConnect(port: number, address: string, timeout: Duration): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: address });
    const settle = (why: string | null): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(why);
    };
    const deadline = setTimeout(() => settle(noAnswer(timeout)), timeout);
    socket.on("connect", () => settle(null));
    socket.on("error", (error) => settle(trouble(error)));
  });
}
