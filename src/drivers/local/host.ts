import { connect } from "node:net";
import type { Duration } from "../../base/time.ts";
import type { HostName } from "../../model/ids.ts";
import type { Endpoint, HostContact, HostPort } from "../../ports/host.ts";
import { get } from "./http.ts";
import { runScript } from "./process.ts";
import { noAnswer, trouble } from "./trouble.ts";

/** The machine that Glidepath itself is on. */
export function localHost(name: HostName): HostPort {
  return { name, run: runScript, get, connect: tryConnect };
}

function tryConnect({ port, address = "127.0.0.1" }: Endpoint, timeout: Duration): Promise<HostContact> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: address });
    const settle = (contact: HostContact): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(contact);
    };
    const deadline = setTimeout(() => settle({ kind: "failed", why: noAnswer(timeout) }), timeout);
    socket.on("connect", () => settle({ kind: "connected" }));
    socket.on("error", (error) => settle({ kind: "failed", why: trouble(error) }));
  });
}
