// Starts the slot that is described in the first argument, and then waits for its own end.
import { localHost } from "../../../src/drivers/local/host.ts";
import { slots } from "../../../src/drivers/slots/slots.ts";
import type { Application } from "../../../src/model/application.ts";
import { stamp } from "./place.ts";

const application = JSON.parse(process.argv[2] ?? "") as Application;
const slot = application.hosts[0]!.slots[0]!;
const driver = slots({ application, hosts: () => localHost(slot.host) });
const outcome = await driver.start(slot, stamp(2));
process.stdout.write(`${outcome.kind}\n`);
setInterval(() => {}, 1000);
