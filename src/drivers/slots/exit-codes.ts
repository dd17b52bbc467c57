/** How the scripts tell what they found. Far from the codes that a shell gives by itself. */
export const EXIT = {
  fenced: 40,
  busy: 41,
  portTaken: 42,
  notUnpacked: 43,
  stillRunning: 44,
  notStopped: 45,
  rights: 46,
  startFailed: 47,
  nothing: 48,
  user: 49,
  occupied: 50,
  noSystemd: 51,
  systemd: 52,
  noUnit: 53,
  unitFailed: 54,
  askFailed: 55,
  full: 56,
} as const;

export type ExitName = keyof typeof EXIT;

const NAMES = new Map<number, ExitName>(Object.entries(EXIT).map(([name, code]) => [code, name as ExitName]));
export const exitName = (code: number): ExitName | null => NAMES.get(code) ?? null;
