/** headroom-agent doctor: what is wrong and what to do, in plain words: the agent itself first, then the Mac. */
import { describeError, type Facts, HOST_STATE_TABLE, isErrorCode } from '@headroom/core';
import { type Mac, openMac } from '../mac.ts';
import { IDENTITY_FILE, STATE_FILE } from '../paths.ts';
import { readFactsLooking } from '../read-facts.ts';
import { type Problem, readReadiness } from '../readiness.ts';
import { openJournal } from '../runner/journal.ts';
import { readBootState } from '../state/boot-state.ts';
import { type Credentials, readCredentials } from '../state/identity.ts';
import { readLockHolder } from '../state/lock.ts';
import { readStatus } from '../state/status-file.ts';
import type { Options } from './arguments.ts';
import { QUOTA_TO_JUDGE } from './quota-option.ts';
import { isLinkLost } from './status.ts';
import { isDenied } from './usage.ts';

/** An idle agent is answered every minute, or as its controller says: at most an hour. */
const SILENCE_MS = 90 * 60_000;

interface Look {
  readonly name: string;
  readonly ok: boolean;
  readonly seen: string;
  readonly next: string | null;
}

export async function doctor(options: Options): Promise<number> {
  const mac = openMac(options.sysroot);
  const facts = readFactsLooking(mac);
  const agent = await theAgent(mac);
  // Half of what the Mac tells is for root alone, and a judgement by the other half would be wrong.
  const looks = agent.includes(NOT_ROOT) ? agent : [...agent, await caught(readable(facts)), ...(await theMac(facts))];
  if (options.json) process.stdout.write(`${JSON.stringify(looks)}\n`);
  else process.stdout.write(`${looks.map(lineOf).join('\n')}\n${verdict(looks)}\n`);
  return looks.every(({ ok }) => ok) ? 0 : 1;
}

const LATER = ' The checks for a visit follow once it can be judged.';

function verdict(looks: readonly Look[]): string {
  const bad = looks.filter(({ ok }) => !ok).length;
  return bad === 0 ? 'Nothing is wrong.' : `${bad} thing${bad === 1 ? '' : 's'} to look at, each with its next step.`;
}

function lineOf({ name, ok, seen, next }: Look): string {
  return `${ok ? 'ok  ' : 'LOOK'} ${name.padEnd(10)} ${seen}${next === null ? '' : `\n     Next: ${next}`}`;
}

async function theAgent(mac: Mac): Promise<readonly Look[]> {
  let credentials: Credentials | null;
  try {
    credentials = await readCredentials(mac);
  } catch (error) {
    if (isDenied(error)) return [NOT_ROOT];
    return [identityDamaged(error), ...(await Promise.all([running(mac), journal(mac)].map(caught)))];
  }
  if (credentials === null) return [...NOT_ENROLLED, await caught(journal(mac))];
  const { hostId, fleetId, agentUrl } = credentials.identity;
  const seen = `Host ${hostId} of fleet ${fleetId}, controller ${agentUrl}.`;
  const identity: Look = { name: 'identity', ok: true, seen, next: null };
  const memory = await counts(mac);
  return [identity, ...memory, ...(await Promise.all([running(mac), contact(mac), journal(mac)].map(caught)))];
}

/** Without them it opens no session, and a silent controller would be blamed. */
async function counts(mac: Mac): Promise<readonly Look[]> {
  try {
    await readBootState(mac);
    return [];
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error);
    const next = `mv ${STATE_FILE} ${STATE_FILE}.damaged, and restart the agent (\`sudo launchctl kickstart -k system/com.headroom.agent\`).`;
    return [{ name: 'memory', ok: false, seen, next }];
  }
}

const ENROL = 'headroom-agent enroll --url URL --token-file FILE';

const NOT_ROOT: Look = {
  name: 'root',
  ok: false,
  seen: 'This was not run as root, who alone may read what the agent keeps. Nothing is said of it, or of the Mac.',
  next: 'sudo headroom-agent doctor',
};

/** Before it has joined a fleet it ends at once and is started again, so that its not running says nothing. */
const NOT_ENROLLED: readonly Look[] = [
  { name: 'identity', ok: false, seen: 'This Mac has not joined a fleet.', next: ENROL },
  { name: 'agent', ok: true, seen: 'It goes on by itself once this Mac has joined a fleet.', next: null },
  { name: 'contact', ok: true, seen: 'None yet.', next: null },
];

function identityDamaged(error: unknown): Look {
  const seen = error instanceof Error ? error.message : String(error);
  const next = `Revoke this Mac's certificate at the controller, remove ${IDENTITY_FILE}, then: ${ENROL}`;
  return { name: 'identity', ok: false, seen, next };
}

async function running(mac: Mac): Promise<Look> {
  const name = 'agent';
  const pid = await readLockHolder(mac);
  if (pid !== null) return { name, ok: true, seen: `It runs (process ${pid}).`, next: null };
  const next = 'Start it (`sudo launchctl kickstart system/com.headroom.agent`), and see that it is on in Login Items.';
  return { name, ok: false, seen: 'It is not running.', next };
}

async function contact(mac: Mac): Promise<Look> {
  const name = 'contact';
  const status = await readStatus(mac);
  const at = status?.['lastContactAt'];
  const error = status?.['lastError'] as { code: string; detail: string; at: string } | null | undefined;
  const trouble = error ? ` Last error, at ${error.at}: ${error.code}: ${error.detail}` : '';
  const seen =
    typeof at === 'string' ? `The controller answered last at ${at}.` : 'The controller has not answered yet.';
  const isSilent = typeof at === 'string' && Date.now() - Date.parse(at) > SILENCE_MS;
  if (isSilent || (status !== null && isLinkLost(status)))
    return { name, ok: false, seen: `${seen}${trouble}`, next: reachNext(status, error?.code) };
  if (typeof at === 'string') return { name, ok: true, seen: `${seen}${trouble}`, next: null };
  const next =
    'See that the agent runs and that its log (/Library/Logs/Headroom/agent.log) shows a session being opened.';
  return { name, ok: false, seen: `${seen}${trouble}`, next };
}

/** A code of the catalogue brings its own remedy; else the controller was not reached at all. */
function reachNext(status: Readonly<Record<string, unknown>> | null, code: string | undefined): string {
  if (code !== undefined && isErrorCode(code)) return describeError(code).remedy;
  return `See that this Mac reaches ${status?.['controller']} (name, network, firewall, clock); the agent tries by itself.`;
}

async function journal(mac: Mac): Promise<Look> {
  const records = await (await openJournal(mac)).all();
  const seen = records.map(({ job, phase }) => `${job.kind} ${job.jobId}: ${phase}`).join('; ');
  return { name: 'journal', ok: true, seen: seen === '' ? 'No job is under way.' : `${seen}.`, next: null };
}

async function readable(facts: Promise<Facts>): Promise<Look> {
  const unknown = Object.entries((await facts).unknown).filter(
    ([path, reason]) => !NEVER_TOLD.includes(path) && !/ is not there$/.test(reason),
  );
  const name = 'facts';
  if (unknown.length === 0) return { name, ok: true, seen: 'All that macOS tells could be read.', next: null };
  const pathsOf = new Map<string, string[]>();
  for (const [path, reason] of unknown) pathsOf.set(reason, [...(pathsOf.get(reason) ?? []), path]);
  const groups = [...pathsOf].sort(([, left], [, right]) => right.length - left.length);
  const shown = groups.slice(0, REASONS_SHOWN).map(([reason, paths]) => `\n       ${shortList(paths)}: ${reason}`);
  const more = groups.length > REASONS_SHOWN ? `\n       and ${groups.length - REASONS_SHOWN} more reasons` : '';
  const seen = `${unknown.length} could not be read; what is needed of them is said below.${shown.join('')}${more}`;
  return { name, ok: true, seen, next: '`headroom-agent facts --json` gives each reason.' };
}

/** No Mac tells these for sure, and a file that a Mac need not have is no fault: a person who looks for what is wrong need not read of them. */
const NEVER_TOLD: readonly string[] = ['guests.suspectedLeaked', 'update.prepared', 'update.preparedTarget'];
/** What one tool did not tell is one reason, however many facts it costs. */
const REASONS_SHOWN = 6;
const PATHS_SHOWN = 3;

function shortList(paths: readonly string[]): string {
  const rest = paths.length - PATHS_SHOWN;
  return `${paths.slice(0, PATHS_SHOWN).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

async function theMac(facts: Promise<Facts>): Promise<readonly Look[]> {
  const catalogue = { kdks: [], dropBundles: {} };
  try {
    const { state, problems } = readReadiness({ facts: await facts, quota: QUOTA_TO_JUDGE, catalogue });
    const judged: Look = {
      name: 'mac',
      ok: true,
      seen: `By its facts alone: ${HOST_STATE_TABLE[state].means} (${state}).${state === 'unknown' ? LATER : ''}`,
      next: null,
    };
    return [judged, ...problems.map(lookOf)];
  } catch (error) {
    return [failed(error)];
  }
}

function lookOf({ severity, what, detail, next }: Problem): Look {
  return { name: severity, ok: severity === 'note', seen: `${what}. ${detail}`, next };
}

async function caught(look: Promise<Look>): Promise<Look> {
  try {
    return await look;
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): Look {
  const seen = error instanceof Error ? error.message : String(error);
  const next = 'Cure what it names, then look again; the log (/Library/Logs/Headroom/agent.log) may say more.';
  return { name: 'problem', ok: false, seen, next: isDenied(error) ? 'Run it as root.' : next };
}
