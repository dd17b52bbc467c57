import { createServer } from "node:net";
import { randomInt } from "node:crypto";
import process from "node:process";

// Below the range from which systems take the ports of outgoing connections: while a slot is stopped, a
// connection of nginx's could otherwise sit on its port.
const LOWEST = 20_000;
const HIGHEST = 32_000;
const TRIES = 200;
// Two processes that look for ports at once look at different ones, where their ids are not a multiple apart.
const APART = 16;

const given = new Set<number>();

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** A port of this machine on which nothing listens now; never the same twice in one process. */
export async function freePort(): Promise<number> {
  for (let left = TRIES; left > 0; left--) {
    const port = randomInt(LOWEST / APART, HIGHEST / APART) * APART + (process.pid % APART);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port between ${LOWEST} and ${HIGHEST} in ${TRIES} tries`);
}

export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}
