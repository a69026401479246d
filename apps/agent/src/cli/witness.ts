/** headroom-agent witness: an admin's probe says how many macOS guests are alive now. Three or more prove a raised quota. */
import { takeWitness } from '../local/take-witness.ts';
import { openMac } from '../mac.ts';
import type { Options } from './arguments.ts';
import { UsageError } from './usage.ts';

export async function witness(options: Options): Promise<number> {
  if (options.guests === undefined || !/^[0-9]{1,4}$/.test(options.guests))
    throw new UsageError('witness needs --guests N, the number of macOS guests that are alive now');
  const taken = await takeWitness(openMac(options.sysroot), {
    macosGuests: Number(options.guests),
    ...(options.source === undefined ? {} : { source: options.source }),
  });
  if (typeof taken === 'string') {
    process.stderr.write(`Not taken: ${taken}.\n`);
    return 1;
  }
  process.stdout.write(
    `${taken.macosGuests} macOS guests at once is the most seen in this boot, says ${taken.source}.\n`,
  );
  return 0;
}
