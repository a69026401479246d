/** headroom-agent facts: reads this Mac once and prints the facts as JSON (facts.schema.json). */
import { openMac } from '../mac.ts';
import { readFactsLooking } from '../read-facts.ts';
import type { Options } from './arguments.ts';

export async function facts(options: Options): Promise<number> {
  const found = await readFactsLooking(openMac(options.sysroot));
  process.stdout.write(`${JSON.stringify(found, null, options.json ? undefined : 2)}\n`);
  return 0;
}
