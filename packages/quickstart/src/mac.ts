import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bootMac, createMac, loadState, SimulatedMac, simPaths } from '@headroom/mac-sim';
import type { MacChoice } from './choices.ts';
import type { MacAtTheRack } from './technician.ts';

const run = promisify(execFile);
const LABEL = 'com.headroom.agent';

/** Its state is the last thing that making a Mac writes. */
function isMade(dir: string): boolean {
  return existsSync(simPaths(dir).state);
}

export interface FleetMacOptions {
  /** What is installed there when it is enrolled and at each start. */
  readonly agentMain: string;
  readonly dir: string;
  readonly name: string;
  readonly choice: MacChoice;
  readonly logFile: string;
}

/** One simulated Mac of the fleet with its agent as a daemon. */
export class FleetMac implements MacAtTheRack {
  readonly dir: string;
  readonly name: string;
  readonly what: string;
  readonly sim: SimulatedMac;
  private readonly agentMain: string;

  constructor({ agentMain, dir, name, choice, logFile }: FleetMacOptions) {
    if (!isMade(dir)) {
      // A start that was cut may have left a part of one.
      rmSync(dir, { recursive: true, force: true });
      createMac(dir, { variant: choice.variant, version: choice.os, build: choice.build, id: name });
    }
    this.dir = dir;
    this.name = name;
    this.what = `${choice.os} ${choice.build} ${choice.variant}`;
    this.agentMain = agentMain;
    const args = [this.agentMain, 'run', '--sysroot', dir, '--exit-with-parent'];
    this.sim = new SimulatedMac({
      dir,
      daemons: [{ label: LABEL, command: process.execPath, args, env: {}, log: logFile }],
    });
    this.sim.on('error', () => {});
  }

  get hardwareUuid(): string {
    return loadState(this.dir).hardware.hostUuid;
  }

  get enrolled(): boolean {
    return existsSync(join(this.dir, 'private/var/db/headroom/identity.json'));
  }

  /** As an admin would: the agent's own command with a token, which never stands in the arguments. */
  async enrol(enrolUrl: string, token: string): Promise<void> {
    if (loadState(this.dir).power === 'off') bootMac(this.dir);
    const args = [this.agentMain, 'enroll', '--sysroot', this.dir, '--url', enrolUrl];
    await run(process.execPath, args, { env: { HEADROOM_TOKEN: token }, timeout: 60_000 });
  }

  /** macOS starts, and with it the agent. A Mac left in recoveryOS or on an error screen by an earlier end is restarted. */
  async start(): Promise<void> {
    const { power } = loadState(this.dir);
    if (power === 'recovery' || power === 'failed') await this.sim.powerCut();
    await this.sim.start();
  }

  async inRecovery(work: () => Promise<void>): Promise<void> {
    await this.sim.shutdown();
    await work();
    if (loadState(this.dir).power === 'recovery') await this.sim.powerCut();
    if (loadState(this.dir).power === 'off') await this.sim.boot();
  }

  restart(): Promise<void> {
    return this.sim.restart();
  }

  stop(): Promise<void> {
    return this.sim.stop();
  }
}
