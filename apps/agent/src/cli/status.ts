/** headroom-agent status: what the agent is doing, in one sentence, then what it last said about itself. Exit status 0 = it runs. */
import { isObject } from '../files.ts';
import { openMac } from '../mac.ts';
import { readLockHolder } from '../state/lock.ts';
import { readStatus } from '../state/status-file.ts';
import { readVisitStatus, visitSentence } from '../state/visit-status.ts';
import type { Options } from './arguments.ts';
import { isDenied } from './usage.ts';

type Status = Readonly<Record<string, unknown>>;

export async function status(options: Options): Promise<number> {
  const mac = openMac(options.sysroot);
  const found = await readStatus(mac).catch(damaged);
  if (found === null || found === DAMAGED) {
    const doing = found === null ? 'No agent has run on this Mac yet. Next: headroom-agent doctor' : DAMAGED;
    if (options.json) process.stdout.write(`${JSON.stringify({ running: false, doing })}\n`);
    else process.stderr.write(`${doing}\n`);
    return 1;
  }
  const running = (await readLockHolder(mac)) !== null;
  const doing = sentence(found, running);
  if (options.json) process.stdout.write(`${JSON.stringify({ running, doing, ...found })}\n`);
  else {
    const lines = [doing, visitSentence(readVisitStatus(found)), ...Object.entries(found).map(lineOf)];
    process.stdout.write(`${lines.filter((line) => line !== null).join('\n')}\n`);
  }
  return running ? 0 : 1;
}

const DAMAGED =
  'The status file cannot be read; an agent that runs writes it anew at its next check-in. Next: headroom-agent doctor';

/** A file that is there and is not what it should be; one that may not be read is said as it is. */
function damaged(error: unknown): typeof DAMAGED {
  if (isDenied(error)) throw error;
  return DAMAGED;
}

export function sentence(status: Status, running: boolean): string {
  const { job, lastContactAt, lastError } = status;
  if (!running) return 'The agent is not running; what follows is what it said last. Next: headroom-agent doctor';
  if (isObject(job)) return `Working on ${String(job['kind'])}: ${String(job['progress'])}.`;
  if (typeof lastContactAt !== 'string' || isLinkLost(status)) {
    const before = typeof lastContactAt === 'string' ? `, which answered last at ${lastContactAt}` : '';
    return isObject(lastError)
      ? `Trying to reach the controller${before}; ${String(lastError['code'])}: ${String(lastError['detail'])}`
      : 'Trying to reach the controller.';
  }
  return `Waiting for work; the controller answered last at ${lastContactAt}.`;
}

/** Trouble with the controller is taken back once it answers. */
export function isLinkLost({ lastError }: Status): boolean {
  return isObject(lastError) && lastError['of'] === 'link';
}

function lineOf([key, value]: readonly [string, unknown]): string {
  return `  ${key.padEnd(14)} ${shown(value)}`;
}

function shown(value: unknown): string {
  if (value === null) return '-';
  if (!isObject(value)) return String(value);
  return Object.entries(value)
    .map(([key, part]) => `${key} ${part === null ? 'unknown' : String(part)}`)
    .join(', ');
}
