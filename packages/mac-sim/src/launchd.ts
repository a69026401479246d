/**
 * A simulated Mac with power and life: runs daemons as launchd does while macOS runs, and none otherwise. Power may be changed
 * here or by any other process (`mac-sim power-cut DIR`); daemons follow. Guarantee: after `stop()` or the exit of this
 * process no daemon is left.
 */
import { EventEmitter } from 'node:events';
import { type DaemonEvent, DaemonProcess, type DaemonSpec } from './daemon.ts';
import { bootMac, cutPower, restartMac, shutDownMac } from './power.ts';
import { loadState, type Power, type SimState } from './state.ts';

export interface SimulatedMacOptions {
  readonly dir: string;
  readonly daemons: readonly DaemonSpec[];
  /** How often other processes' changes of power are looked for; default 100. */
  readonly pollMs?: number;
  /** A daemon that ended is started again no sooner than this after its last start; default 1000 (launchd: 10 s). */
  readonly throttleMs?: number;
  /** Between SIGTERM and SIGKILL; default 5000. */
  readonly graceMs?: number;
}

export interface SimulatedMacEvents {
  /** Power, or the boot session, changed. */
  power: [power: Power, state: SimState];
  daemon: [event: DaemonEvent];
  /** The state could not be read, or a daemon could not be started. */
  error: [error: Error];
}

const DEFAULTS = { pollMs: 100, throttleMs: 1000, graceMs: 5000 } as const;

export class SimulatedMac extends EventEmitter<SimulatedMacEvents> {
  readonly dir: string;
  readonly #options: Required<SimulatedMacOptions>;
  #daemons: readonly DaemonProcess[] = [];
  /** Boot session that the daemons belong to; null when none run. */
  #session: string | null = null;
  #seen = '';
  #timer: NodeJS.Timeout | null = null;
  /** Changes of power run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: SimulatedMacOptions) {
    super();
    this.dir = options.dir;
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Watches the Mac and starts macOS if it is off. */
  async start(): Promise<void> {
    if (this.#timer === null) this.#timer = setInterval(() => void this.#poll(), this.#options.pollMs);
    if (loadState(this.dir).power === 'off') await this.boot();
    else await this.#exclusive(() => this.#follow());
  }

  boot(): Promise<void> {
    return this.#exclusive(async () => {
      bootMac(this.dir);
      await this.#follow();
    });
  }

  /** Daemons get SIGTERM and their grace, then the Mac goes off cleanly. */
  shutdown(): Promise<void> {
    return this.#exclusive(async () => {
      await this.#endDaemons('SIGTERM');
      shutDownMac(this.dir);
      await this.#follow();
    });
  }

  restart(): Promise<void> {
    return this.#exclusive(async () => {
      await this.#endDaemons('SIGTERM');
      restartMac(this.dir);
      await this.#follow();
    });
  }

  /** Daemons die at once, buffered NVRAM is lost. */
  powerCut(): Promise<void> {
    return this.#exclusive(async () => {
      await this.#endDaemons('SIGKILL');
      cutPower(this.dir);
      await this.#follow();
    });
  }

  /** Ends the watching and all daemons; the Mac's power stays as it is. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#exclusive(() => this.#endDaemons('SIGTERM'));
  }

  async #poll(): Promise<void> {
    try {
      await this.#exclusive(() => (this.#timer === null ? Promise.resolve() : this.#follow()));
    } catch (error) {
      this.emit('error', error as Error);
    }
  }

  /** Makes the daemons agree with the state on disk. */
  async #follow(): Promise<void> {
    const state = loadState(this.dir);
    const session = state.power === 'macos' ? (state.boot?.sessionId ?? null) : null;
    if (session !== this.#session) {
      await this.#endDaemons('SIGTERM');
      if (session !== null) this.#startDaemons();
      this.#session = session;
    }
    const seen = `${state.power} ${session}`;
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.emit('power', state.power, state);
  }

  #startDaemons(): void {
    const { daemons, throttleMs } = this.#options;
    const report = (event: DaemonEvent): void => void this.emit('daemon', event);
    this.#daemons = daemons.map((spec) => new DaemonProcess(spec, { throttleMs, report }));
    for (const daemon of this.#daemons) daemon.start();
  }

  async #endDaemons(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const daemons = this.#daemons;
    this.#daemons = [];
    this.#session = null;
    await Promise.all(daemons.map((daemon) => daemon.end(signal, this.#options.graceMs)));
  }

  #exclusive<T>(action: () => Promise<T>): Promise<T> {
    const run = this.#last.then(action);
    this.#last = run.catch(() => undefined);
    return run;
  }
}
