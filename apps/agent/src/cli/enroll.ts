/** headroom-agent enroll: joins a fleet. Running it again is harmless. */
import { enrol } from '../enrol/enrol.ts';
import { readToken } from '../enrol/token.ts';
import { openMac } from '../mac.ts';
import { readFactsLooking } from '../read-facts.ts';
import type { Options } from './arguments.ts';
import { UsageError } from './usage.ts';

export async function enroll(options: Options): Promise<number> {
  if (options.url === undefined) throw new UsageError('enroll needs --url URL');
  const mac = openMac(options.sysroot);
  const sources = { argument: options.token, file: options['token-file'], environment: process.env['HEADROOM_TOKEN'] };
  const token = readToken(sources);
  const facts = await readFactsLooking(mac);
  const { identity, already } = await enrol({ mac, url: options.url, token, facts });
  const how = already ? 'is enrolled already' : 'is enrolled';
  process.stdout.write(`This Mac ${how}: host ${identity.hostId} of fleet ${identity.fleetId}.\n`);
  return 0;
}
