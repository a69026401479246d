/** headroom-agent status: what the agent last said about itself, from its status file. */
import { openMac } from '../mac.ts';
import { readStatus } from '../state/status-file.ts';
import type { Options } from './arguments.ts';

export async function status(options: Options): Promise<number> {
  const found = await readStatus(openMac(options.sysroot));
  if (found === null) {
    process.stderr.write('No agent has run on this Mac yet. Next: headroom-agent doctor\n');
    return 1;
  }
  const lines = Object.entries(found).map(([key, value]) => `${key.padEnd(14)} ${shown(value)}`);
  process.stdout.write(options.json ? `${JSON.stringify(found)}\n` : `${lines.join('\n')}\n`);
  return 0;
}

function shown(value: unknown): string {
  if (value === null) return '-';
  return typeof value === 'object' ? Object.values(value).join(', ') : String(value);
}
