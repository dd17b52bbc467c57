import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { type Lab, canLab, openLab } from "../support/lab/lab.ts";

describe.runIf(canLab("the lab"))("the lab's hosts", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await openLab({ hosts: ["web1", "web2"], disk: "16m" });
  });
  afterAll(() => lab?.close());

  test("run systemd, nginx and Node, and are apart", async () => {
    const said = await Promise.all(
      lab.hosts.map(({ must }) => must("cat /proc/1/comm; systemctl is-active nginx; node -p 6*7; uname -n")),
    );
    expect(said).toEqual(["systemd\nactive\n42\nweb1", "systemd\nactive\n42\nweb2"]);
    await lab.host("web1").must("systemctl stop nginx");
    expect(await lab.host("web2").must("systemctl is-active nginx")).toBe("active");
  });

  test("lose their network, and have it again", async () => {
    const { address, must, sh, cutNetwork, restoreNetwork } = lab.host("web2");
    cutNetwork();
    expect((await sh("true")).code).toBe(255);
    restoreNetwork();
    expect(await must("ip -4 -brief address show dev host0")).toContain(address);
  });

  test("lose their power: what was not on disk is lost, the rest is there at the next boot", async () => {
    const host = lab.host("web1");
    const boot = (): Promise<string> => host.must("cat /proc/sys/kernel/random/boot_id; cat /root/kept");
    await host.must("echo yes >/root/kept; sync; touch /run/lost");
    await host.powerCut();
    expect(host.isUp()).toBe(false);
    await host.boot();
    expect(await boot()).toMatch(/\nyes$/);
    expect((await host.sh("test -e /run/lost")).code).toBe(1);
    expect((await host.sh("systemctl is-active nginx")).stdout).toBe("active\n");
  });

  test("reboot", async () => {
    const host = lab.host("web2");
    await host.must("touch /run/lost; echo yes >/srv/kept");
    await host.reboot();
    expect((await host.sh("test -e /run/lost")).code).toBe(1);
    expect(await host.must("cat /srv/kept")).toBe("yes");
  });

  test("have an nginx that can be killed and a disk that can be full", async () => {
    const host = lab.host("web1");
    await host.killNginx();
    await until(
      () => host.sh("systemctl is-active nginx"),
      ({ stdout }) => stdout === "failed\n",
    );
    await host.fillDisk();
    expect((await host.sh("/bin/echo x >/srv/x")).stderr).toContain("No space left on device");
    await host.emptyDisk();
    await host.must("echo x >/srv/x");
  });
});
