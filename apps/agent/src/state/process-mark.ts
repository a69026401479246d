/**
 * Tells a process from a later one that got its id: by the moment it started. Linux (simulated Macs) gives that to the tick; a Mac
 * gives it to the second, so there the time at which we started it is compared with what `ps` says.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

export interface ProcessMark {
  readonly pid: number;
  /** Opaque; "" for a process that had ended already. */
  readonly start: string;
}

/** Between the call that starts a process and what the kernel notes, in whole seconds. */
const TOLERANCE_MS = 2000;

export function markOf(pid: number, startedAt: Date): ProcessMark {
  return { pid, start: process.platform === 'linux' ? linuxStart(pid) : startedAt.toISOString() };
}

export function ownMark(): ProcessMark {
  return markOf(process.pid, new Date(Date.now() - process.uptime() * 1000));
}

export async function stillRuns({ pid, start }: ProcessMark): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 1 || start === '') return false;
  if (process.platform === 'linux') return linuxStart(pid) === start;
  const seen = await startSeenByPs(pid);
  return seen !== null && Math.abs(seen - Date.parse(start)) <= TOLERANCE_MS;
}

function linuxStart(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : `${bootId} ${fields[19] ?? ''}`;
  } catch {
    return '';
  }
}

async function startSeenByPs(pid: number): Promise<number | null> {
  try {
    const env = { LC_ALL: 'C', TZ: 'UTC' };
    const { stdout } = await promisify(execFile)('/bin/ps', ['-o', 'lstart=', '-p', String(pid)], { env });
    const time = Date.parse(`${stdout.trim()} UTC`);
    return Number.isNaN(time) ? null : time;
  } catch {
    return null;
  }
}
