/**
 * Ends a session's processes as a power cut does: all at once, so that nothing gets to run a last handler. Some shells put
 * what they start into groups of their own, so the tree is walked instead of one group killed.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Children before their children, and the root last: its end hangs up the terminal, which the others would hear of. */
export function killTree(root: number): void {
  for (const pid of [...descendantsOf(root), root]) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  }
}

function descendantsOf(root: number): readonly number[] {
  const parents = existsSync('/proc/self/stat') ? parentsFromProc() : parentsFromPs();
  const found: number[] = [];
  for (let level = [root]; level.length > 0; ) {
    level = [...parents].filter(([, parent]) => level.includes(parent)).map(([pid]) => pid);
    found.push(...level);
  }
  return found;
}

/** Process -> its parent. */
function parentsFromProc(): ReadonlyMap<number, number> {
  const pids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  return new Map(pids.map((pid) => [Number(pid), parentInStat(pid)]));
}

/** 0 for a process that has ended meanwhile. Its name stands in parentheses and may hold anything. */
function parentInStat(pid: string): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function parentsFromPs(): ReadonlyMap<number, number> {
  const rows = execFileSync('/bin/ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
  return new Map(rows.map((row) => row.trim().split(/\s+/).map(Number) as [number, number]));
}
