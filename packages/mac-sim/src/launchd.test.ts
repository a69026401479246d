/** Goal: daemons live exactly while macOS runs, come back when they end, and never outlive the supervisor. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DaemonEvent } from './daemon.ts';
import { SimulatedMac } from './launchd.ts';
import { cutPower, restartMac } from './power.ts';
import { loadState } from './state.ts';
import { newMac } from './testing/macs.ts';

/** Starts a child of its own; ends by itself after the given time, or on SIGTERM unless told to ignore it. */
const DAEMON = `
  const [lifeMs, ignoresTerm] = process.argv.slice(1);
  const child = require('node:child_process').spawn('/bin/sleep', ['60']);
  console.log(process.pid, child.pid, process.env.HOME, Object.keys(process.env).length);
  if (ignoresTerm) process.on('SIGTERM', () => {});
  setTimeout(() => process.exit(3), Number(lifeMs));`;
const LONG_MS = '60000';

let mac: SimulatedMac | null = null;
afterEach(async () => {
  await mac?.stop();
  mac = null;
});

function supervise(dir: string, args: readonly string[] = [LONG_MS]) {
  const log = join(dir, 'daemon.log');
  const daemon = {
    label: 'test',
    command: process.execPath,
    args: ['-e', DAEMON, ...args],
    env: { HOME: '/var/root' },
    log,
  };
  const supervisor = new SimulatedMac({ dir, daemons: [daemon], pollMs: 20, throttleMs: 50, graceMs: 150 });
  const events: DaemonEvent[] = [];
  supervisor.on('daemon', (event) => events.push(event));
  mac = supervisor;
  const lines = (): string[][] => {
    const text = readFileSync(log, 'utf8').trim();
    return text === '' ? [] : text.split('\n').map((line) => line.split(' '));
  };
  return { supervisor, events, lines };
}

function isAlive(pid: number | string | undefined): boolean {
  try {
    process.kill(Number(pid), 0);
    // A child whose parent died may stay a zombie until somebody waits for it.
    return process.platform !== 'linux' || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

const started = (events: readonly DaemonEvent[]): number => events.filter(({ what }) => what === 'started').length;

describe('SimulatedMac', () => {
  it('starts macOS and the daemon, with nothing of our environment', async () => {
    const dir = newMac();
    const { supervisor, lines } = supervise(dir);
    await supervisor.start();
    expect(loadState(dir).power).toBe('macos');
    await vi.waitFor(() => expect(lines()).toHaveLength(1), 3000);
    expect(lines()[0]?.slice(2)).toEqual(['/var/root', '1']);
  });

  it('ends the daemon and its children at a clean shutdown, also one that ignores SIGTERM', async () => {
    const dir = newMac();
    const { supervisor, events, lines } = supervise(dir, [LONG_MS, 'ignore']);
    await supervisor.start();
    await vi.waitFor(() => expect(lines()).toHaveLength(1), 3000);
    const [pid, child] = lines()[0] ?? [];
    expect([isAlive(pid), isAlive(child)]).toEqual([true, true]);
    await supervisor.shutdown();
    expect(loadState(dir).power).toBe('off');
    expect(events.at(-1)).toMatchObject({ what: 'ended', signal: 'SIGKILL' });
    await vi.waitFor(() => expect([isAlive(pid), isAlive(child)]).toEqual([false, false]), 3000);
  });

  it('starts a daemon again when it ends by itself, and leaves none of its children', async () => {
    const { supervisor, events, lines } = supervise(newMac(), ['1']);
    await supervisor.start();
    await vi.waitFor(() => expect(started(events)).toBeGreaterThan(2), 3000);
    expect(events.find(({ what }) => what === 'ended')).toMatchObject({ code: 3 });
    const [, child] = lines()[0] ?? [];
    await vi.waitFor(() => expect(isAlive(child)).toBe(false), 3000);
  });

  it('follows power that another process changes', async () => {
    const dir = newMac();
    const { supervisor, events } = supervise(dir);
    await supervisor.start();
    restartMac(dir);
    await vi.waitFor(() => expect(started(events)).toBe(2), 3000);
    cutPower(dir);
    await vi.waitFor(() => expect(events.at(-1)?.what).toBe('ended'), 3000);
    await supervisor.boot();
    await vi.waitFor(() => expect(started(events)).toBe(3), 3000);
  });

  it('reports a program that is not there, and goes on trying', async () => {
    const dir = newMac();
    const missing = { label: 'none', command: '/nonexistent/agent', args: [], env: {} };
    const supervisor = new SimulatedMac({ dir, daemons: [missing], throttleMs: 20, pollMs: 20 });
    mac = supervisor;
    const reasons: string[] = [];
    supervisor.on('daemon', (event) => {
      if (event.what === 'not-started') reasons.push(event.reason);
    });
    await supervisor.start();
    await vi.waitFor(() => expect(reasons.length).toBeGreaterThan(1), 3000);
    expect(reasons[0]).toMatch(/ENOENT/);
  });
});
