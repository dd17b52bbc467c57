import { describe, expect, it } from "vitest";
import { NO_CONNECTION } from "./config.ts";
import { neverBegan, troubleOf } from "./trouble.ts";

describe("it is certain that nothing was begun", () => {
  it.each([
    {
      title: "no connection",
      words: `${NO_CONNECTION}\nConnection closed by UNKNOWN port 65535\n`,
      is: true,
    },
    {
      title: "a socket that nobody listens on",
      words: `Control socket connect(/x): Connection refused\n${NO_CONNECTION}\n`,
      is: true,
    },
    {
      title: "no further session",
      words: `mux_client_request_session: session request failed: refused by peer\n${NO_CONNECTION}`,
      is: true,
    },
    {
      title: "a connection that broke while the session was asked for: not certain",
      words: `mux_client_request_session: read from master failed: Broken pipe\n${NO_CONNECTION}\n`,
      is: false,
    },
    { title: "nothing is known", words: "", is: false },
    { title: "other words", words: "Connection reset by 10.0.0.1 port 22", is: false },
  ])("$title", ({ words, is }) => {
    expect(neverBegan(words)).toBe(is);
  });
});

describe("ssh's words for people", () => {
  it.each([
    ["ssh: connect to host 10.0.0.1 port 22: Connection timed out", "it does not answer"],
    ["ssh: connect to host 10.0.0.1 port 22: No route to host", "there is no way to it"],
    ["u@h: Permission denied (publickey,password).", "it lets nobody in with the keys that are offered"],
    ["Received disconnect: 2: Too many authentication failures", "too many keys were offered"],
    ["kex_exchange_identification: Connection closed by remote host", "it closes the connection at once"],
    ["Bad owner or permissions on /home/u/ssh_config", "ssh does not take an ssh_config here"],
    ["unix_listener: path too long", "the path of the control socket is too long"],
  ])("%s", (words, why) => {
    const found = troubleOf(`debug1: noise\n${words}\r\n`, "web1");
    expect(found.why.startsWith(why)).toBe(true);
    expect(found.why).toContain(words.replace(/^ssh: /, ""));
    expect(found.todo).not.toContain("ADDRESS");
  });

  it("are shown as they are when they are not known", () => {
    expect(troubleOf("something new", "web1")).toEqual({
      why: "ssh: something new",
      todo: "see what `ssh web1` says",
    });
  });
});
