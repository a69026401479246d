/** headroom-agent status: what the agent is doing, in one sentence, then what it last said about itself. Exit status 0 = it runs. */
import { isObject } from '../files.ts';
import { openMac } from '../mac.ts';
import { readLockHolder } from '../state/lock.ts';
import { readStatus } from '../state/status-file.ts';
import { readVisitStatus, visitSentence } from '../state/visit-status.ts';
import type { Options } from './arguments.ts';

type Status = Readonly<Record<string, unknown>>;

export async function status(options: Options): Promise<number> {
  const mac = openMac(options.sysroot);
  const found = await readStatus(mac);
  if (found === null) {
    const doing = 'No agent has run on this Mac yet. Next: headroom-agent doctor';
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

export function sentence({ job, lastContactAt, lastError }: Status, running: boolean): string {
  if (!running) return 'The agent is not running; what follows is what it said last. Next: headroom-agent doctor';
  if (isObject(job)) return `Working on ${String(job['kind'])}: ${String(job['progress'])}.`;
  if (typeof lastContactAt !== 'string')
    return isObject(lastError)
      ? `Trying to reach the controller; ${String(lastError['code'])}: ${String(lastError['detail'])}`
      : 'Trying to reach the controller.';
  return `Waiting for work; the controller answered last at ${lastContactAt}.`;
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
