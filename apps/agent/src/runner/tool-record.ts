/**
 * Which tools run now, as files in the journal folder, so that none outlives a killed agent for long. To be called with the lock
 * held: the tools of an agent that still works are not ours to end.
 * Guarantee: a process is ended only if it is the very one that was noted; an id that went to somebody else is left alone.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureFolder, isObject } from '../files.ts';
import type { Log } from '../log.ts';
import type { Mac } from '../mac.ts';
import { watchTools } from '../macos/runner.ts';
import { HOME, JOURNAL_FOLDER } from '../paths.ts';
import { markOf, type ProcessMark, stillRuns } from '../state/process-mark.ts';

const PREFIX = '.tool-';
const GONE_WITHIN_MS = 2000;
const LOOK_EVERY_MS = 20;

/** Ends what a killed agent left running, then notes each tool from here on. */
export async function recordTools(mac: Mac, log: Log): Promise<void> {
  await ensureFolder(mac.path(HOME));
  const folder = mac.path(JOURNAL_FOLDER);
  await ensureFolder(folder);
  for (const name of readdirSync(folder).filter((candidate) => candidate.startsWith(PREFIX))) {
    const left = readRecord(`${folder}/${name}`);
    if (left !== null && (await endGroup(left)))
      log(`ended ${left.tool} (process ${left.pid}), left by a killed agent`);
    rmSync(`${folder}/${name}`, { force: true });
  }
  // Synchronous and without fsync: nothing may come between start and note, and a power cut ends the tools, too.
  watchTools({
    started: (pid, tool) => {
      const record: ToolRecord = { ...markOf(pid, new Date()), tool };
      quietly(() => writeFileSync(`${folder}/${PREFIX}${pid}`, JSON.stringify(record), { mode: 0o600 }));
    },
    ended: (pid) => quietly(() => rmSync(`${folder}/${PREFIX}${pid}`, { force: true })),
  });
}

interface ToolRecord extends ProcessMark {
  readonly tool: string;
}

function readRecord(file: string): ToolRecord | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isObject(value)) return null;
    const { pid, start, tool } = value;
    return typeof pid === 'number' && typeof start === 'string' && typeof tool === 'string'
      ? { pid, start, tool }
      : null;
  } catch {
    return null;
  }
}

/** true = it was still running and has been killed with its children. */
async function endGroup(mark: ProcessMark): Promise<boolean> {
  if (!(await stillRuns(mark))) return false;
  quietly(() => process.kill(-mark.pid, 'SIGKILL'));
  const until = Date.now() + GONE_WITHIN_MS;
  while ((await stillRuns(mark)) && Date.now() < until) await sleep(LOOK_EVERY_MS);
  return true;
}

/** A full disk or a group that has just ended must not fail the tool itself. */
function quietly(task: () => void): void {
  try {
    task();
  } catch {
    // Without its note a tool is only not found by a next agent.
  }
}
