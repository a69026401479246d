/** headroom-agent witness: an admin's probe says how many macOS guests are alive now. Three or more prove a raised quota. */
import { isObject } from '../files.ts';
import { askAgent } from '../local/ask-agent.ts';
import { takeWitness } from '../local/take-witness.ts';
import { type Mac, openMac } from '../mac.ts';
import type { Witness } from '../state/witness.ts';
import type { Options } from './arguments.ts';
import { UsageError } from './usage.ts';

export async function witness(options: Options): Promise<number> {
  if (options.guests === undefined || !/^[0-9]{1,4}$/.test(options.guests))
    throw new UsageError('witness needs --guests N, the number of macOS guests that are alive now');
  const { source } = options;
  const taken = await say(openMac(options.sysroot), {
    macosGuests: Number(options.guests),
    ...(source === undefined ? {} : { source }),
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

/** Told to the agent that runs, so that the controller hears of it at once; without one it is kept for the next. */
async function say(mac: Mac, said: object): Promise<Witness | string> {
  const answer = await askAgent(mac, 'POST', '/witness', said);
  if (answer === null) return takeWitness(mac, said);
  if (answer.status === 200) return answer.body as Witness;
  return isObject(answer.body) ? String(answer.body['problem']) : `the agent answered ${answer.status}`;
}
