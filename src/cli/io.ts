/** What the person sees and does; the process's own streams in real life, an array of texts in a test. */
export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
  /** What became of all that was said to stdout until now. */
  told(): Promise<Told>;
  /** Questions can be asked and a live view shown: stdin and stderr are a terminal. */
  readonly interactive: boolean;
  readonly color: { readonly stdout: boolean; readonly stderr: boolean };
  readonly unicode: boolean;
  columns(): number;
  /** Columns of stdout; without end where it is no terminal. */
  paper(): number;
  rows(): number;
  /** The live part at the end of stderr. */
  readonly screen: Screen;
  /**
   * SIGINT, SIGTERM and, unless it was ignored from the start, SIGHUP, until the returned function is called.
   * Only at SIGINT somebody is there.
   */
  onSignal(handler: (somebody: boolean) => void): () => void;
  /** The next key of `keys`, or `interrupt` for Ctrl-C, which is then no signal. */
  askKey(keys: string, cancel: AbortSignal): Promise<string>;
  /** Calls again and again until the returned function is called; keeps no process alive. */
  repeat(everyMs: number, action: () => void): () => void;
  readonly prompts: Prompts;
  readonly files: Files;
}

/** `left`: whoever read it reads no more. `lost`: it could not be written, and stderr says why. */
export type Told = "all" | "left" | "lost";

export interface Screen {
  /** Replaces what it showed before. */
  show(text: string): void;
  /** Takes away what it showed. */
  clear(): void;
  /** Leaves it standing. */
  done(): void;
}

/** Questions of `init`; null when the person gave up. */
export interface Prompts {
  intro(title: string): void;
  text(question: Question): Promise<string | null>;
  confirm(message: string): Promise<boolean | null>;
  outro(message: string): void;
}

export interface Question {
  readonly message: string;
  readonly initial: string;
  /** What is wrong with the answer; null if it is good. */
  readonly refuse: (answer: string) => string | null;
}

export interface Files {
  exists(path: string): boolean;
  write(path: string, text: string): void;
  /** The current directory's own name. */
  here(): string;
}
