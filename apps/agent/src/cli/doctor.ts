/** headroom-agent doctor: looks at what this agent needs, one line each, and says the next step for what is not well. */
import { type Mac, openMac } from '../mac.ts';
import { readFactsLooking } from '../read-facts.ts';
import { openJournal } from '../runner/journal.ts';
import { readCredentials } from '../state/identity.ts';
import { readStatus } from '../state/status-file.ts';
import type { Options } from './arguments.ts';

interface Look {
  readonly name: string;
  readonly ok: boolean;
  readonly seen: string;
  readonly next: string | null;
}

export async function doctor(options: Options): Promise<number> {
  const mac = openMac(options.sysroot);
  const looks = await Promise.all([identity(mac), contact(mac), journal(mac), readable(mac)].map(caught));
  if (options.json) process.stdout.write(`${JSON.stringify(looks)}\n`);
  else for (const look of looks) process.stdout.write(`${lineOf(look)}\n`);
  return looks.every(({ ok }) => ok) ? 0 : 1;
}

function lineOf({ name, ok, seen, next }: Look): string {
  return `${ok ? 'ok  ' : 'LOOK'} ${name.padEnd(10)} ${seen}${next === null ? '' : `\n     Next: ${next}`}`;
}

async function identity(mac: Mac): Promise<Look> {
  const name = 'identity';
  const credentials = await readCredentials(mac);
  if (credentials === null)
    return { name, ok: false, seen: 'not enrolled', next: 'headroom-agent enroll --url URL --token-file FILE' };
  const { hostId, fleetId, agentUrl } = credentials.identity;
  return { name, ok: true, seen: `host ${hostId}, fleet ${fleetId}, controller ${agentUrl}`, next: null };
}

async function contact(mac: Mac): Promise<Look> {
  const name = 'contact';
  const status = await readStatus(mac);
  const at = status?.['lastContactAt'];
  const error = status?.['lastError'];
  const trouble = error === null || error === undefined ? '' : `; last error: ${JSON.stringify(error)}`;
  if (typeof at === 'string') return { name, ok: true, seen: `last answer ${at}${trouble}`, next: null };
  const next = 'is the daemon running? is the controller within reach? See its log.';
  return { name, ok: false, seen: `no answer of the controller yet${trouble}`, next };
}

async function journal(mac: Mac): Promise<Look> {
  const records = await (await openJournal(mac)).all();
  const seen = records.map(({ job, phase }) => `${job.kind} ${job.jobId} ${phase}`).join('; ');
  return { name: 'journal', ok: true, seen: seen || 'no job under way', next: null };
}

async function readable(mac: Mac): Promise<Look> {
  const { unknown } = await readFactsLooking(mac);
  const paths = Object.keys(unknown);
  const seen = paths.length === 0 ? 'all read' : `${paths.length} unknown: ${paths.slice(0, 8).join(', ')}`;
  return {
    name: 'facts',
    ok: true,
    seen,
    next: paths.length === 0 ? null : 'headroom-agent facts --json gives each reason',
  };
}

async function caught(look: Promise<Look>): Promise<Look> {
  try {
    return await look;
  } catch (error) {
    return {
      name: 'problem',
      ok: false,
      seen: error instanceof Error ? error.message : String(error),
      next: 'run as root',
    };
  }
}
