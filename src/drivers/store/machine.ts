import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import process from "node:process";

/** A process, told apart from every other one that has or will have its number. */
export interface ProcessIdentity {
  /** Where the number means something: host name, boot and pid namespace. */
  readonly machine: string;
  readonly pid: number;
  /** When it started, in the kernel's ticks since boot; empty where that cannot be known. */
  readonly started: string;
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

export interface ProcessStat {
  readonly zombie: boolean;
  readonly started: string;
}

/** Reads /proc/PID/stat. The name in brackets may hold brackets and spaces: fields count from the last. */
export function parseStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { zombie: fields[0] === "Z" || fields[0] === "X", started: fields[19] ?? "" };
}

function statOf(pid: number): ProcessStat | null {
  const text = textOf(`/proc/${pid}/stat`);
  return text === null ? null : parseStat(text);
}

export function thisProcess(): ProcessIdentity {
  const boot = textOf("/proc/sys/kernel/random/boot_id") ?? "";
  return {
    machine: `${hostname()} ${boot} ${linkOf("/proc/self/ns/pid")}`.trim(),
    pid: process.pid,
    started: statOf(process.pid)?.started ?? "",
  };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there, and somebody else's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** True only if the process is surely gone: one of another machine never is, as far as we can know. */
export function isDead(identity: ProcessIdentity, here: ProcessIdentity): boolean {
  if (identity.machine !== here.machine) return false;
  if (!exists(identity.pid)) return true;
  const stat = statOf(identity.pid);
  if (stat === null) return false;
  return stat.zombie || (identity.started !== "" && stat.started !== identity.started);
}
