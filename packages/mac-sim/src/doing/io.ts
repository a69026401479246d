/** What a simulated program is given and what it gives back. It prints as it goes, like the real one. */

export interface Io {
  out(text: string): void;
  err(text: string): void;
}

export interface Call {
  /** Directory of the simulated Mac: its `/`. */
  readonly root: string;
  readonly args: readonly string[];
  readonly io: Io;
}

/** Returns the exit status. */
export type Program = (call: Call) => number | Promise<number>;

export const PROCESS_IO: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
};

/** Keeps what was printed, for tests and for programs that call others. */
export function recordingIo(): Io & { stdout: string; stderr: string } {
  return {
    stdout: '',
    stderr: '',
    out(text) {
      this.stdout += text;
    },
    err(text) {
      this.stderr += text;
    },
  };
}

/** Thrown by a program to end with a text on stderr. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  constructor(text: string, status = 1) {
    super(text);
    this.status = status;
  }
}
