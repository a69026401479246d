import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Problem } from '../common/problem.ts';
import { type ControllerConfig, OWN_URL } from './config.ts';

export const USAGE = `headroom-controller serve [options]
  --state-dir DIR       keys, KDK images, embedded Postgres (default .headroom-controller); made with mode 0700
  --keys-dir DIR        CA, grant key and webhook key, shared by all controllers of a fleet (default DIR of --state-dir/keys)
  --accept-new-keys     the keys of this fleet are lost: make new ones; Macs enrol again, exceptions are approved again
  --kdk-dir DIR         KDK images, shared likewise (default DIR of --state-dir/kdks)
  --fleet-name NAME     name of a new fleet (default "fleet")
  --public-host NAME    name that agents and people dial (default localhost)
  --public-url URL      where people find it, for QR codes on run sheets: https://name/hosts/{id}, or a base that the
                        API's path is added to; own = where the reader reached the API (default HEADROOM_PUBLIC_URL;
                        without either there are no QR codes)
  --listen-host ADDR    address for Macs: enrolment and agents, both TLS (default 127.0.0.1)
  --api-host ADDR       address for the REST API, which speaks plain HTTP: put a TLS proxy before it (default 127.0.0.1)
  --api-port N          REST API (default 0 = any free port)
  --enrol-port N        enrolment (default 0)
  --agent-port N        agents (default 0)
  --agent-url URL       what Macs dial instead, e.g. a load balancer: https://public-host:port
  --check-in-ms N       how often agents check in (default 60000)
  --lease-ttl-ms N      how long a job stays leased without a sign of life (default 60000)
  --sweep-ms N          how often what is due is looked for without a wake-up (default 2000)
  --audit-days N        how long audit rows are kept (default 400); whole months go
  --event-days N        how long lines of a host's timeline are kept (default 180)
  --work-days N         how long plans, jobs, visits and rollouts are kept once they are over (default 400, at least 30);
                        what lowered a Mac, and what something still rests on, stays
  --no-nudges           agents are not woken up; everything still works, only slower
  --simulation          grants of this controller work on simulated Macs only
  --exit-with-parent    end when standard input closes
Environment: DATABASE_URL uses that Postgres instead of an embedded one; REDIS_URL beside it lets several controllers share
it (docs/scaled-out.md).
Ready is one line of JSON on standard output: {"apiUrl", "enrolUrl", "agentUrl"}; the first admin's token lies in DIR/admin.token.`;

export interface ServeOptions {
  readonly config: ControllerConfig;
  readonly exitWithParent: boolean;
}

const PUBLIC_URL_CHARS_MAX = 120;

const OPTIONS = {
  'state-dir': { type: 'string', default: '.headroom-controller' },
  'keys-dir': { type: 'string' },
  'accept-new-keys': { type: 'boolean', default: false },
  'kdk-dir': { type: 'string' },
  'fleet-name': { type: 'string', default: 'fleet' },
  'public-host': { type: 'string', default: 'localhost' },
  'listen-host': { type: 'string', default: '127.0.0.1' },
  'api-host': { type: 'string', default: '127.0.0.1' },
  'api-port': { type: 'string', default: '0' },
  'enrol-port': { type: 'string', default: '0' },
  'agent-port': { type: 'string', default: '0' },
  'agent-url': { type: 'string' },
  'public-url': { type: 'string' },
  'check-in-ms': { type: 'string', default: '60000' },
  'lease-ttl-ms': { type: 'string', default: '60000' },
  'sweep-ms': { type: 'string', default: '2000' },
  'audit-days': { type: 'string', default: '400' },
  'event-days': { type: 'string', default: '180' },
  'work-days': { type: 'string', default: '400' },
  'no-nudges': { type: 'boolean', default: false },
  simulation: { type: 'boolean', default: false },
  'exit-with-parent': { type: 'boolean', default: false },
} as const;

/** Reads the arguments after `serve`. Throws a Problem that names the option and what it takes. */
export function parseServeOptions(args: readonly string[], env: NodeJS.ProcessEnv): ServeOptions {
  const values = readArgs(args);
  const config: ControllerConfig = {
    stateDir: resolve(values['state-dir']),
    fleetName: values['fleet-name'],
    ...readStores(env),
    keysDir: values['keys-dir'] === undefined ? null : resolve(values['keys-dir']),
    acceptNewKeys: values['accept-new-keys'],
    kdkDir: values['kdk-dir'] === undefined ? null : resolve(values['kdk-dir']),
    agentUrl: values['agent-url'] === undefined ? null : readAgentUrl(values['agent-url'], values['public-host']),
    publicUrl: readPublicUrl(values['public-url'] ?? env['HEADROOM_PUBLIC_URL']),
    publicHost: values['public-host'],
    listenHost: values['listen-host'],
    apiHost: values['api-host'],
    apiPort: whole('--api-port', values['api-port'], 0, 65535),
    enrolPort: whole('--enrol-port', values['enrol-port'], 0, 65535),
    agentPort: whole('--agent-port', values['agent-port'], 0, 65535),
    checkInMs: whole('--check-in-ms', values['check-in-ms'], 100, 3_600_000),
    leaseTtlMs: whole('--lease-ttl-ms', values['lease-ttl-ms'], 1000, 3_600_000),
    sweepMs: whole('--sweep-ms', values['sweep-ms'], 50, 600_000),
    auditDays: whole('--audit-days', values['audit-days'], 1, 36_500),
    eventDays: whole('--event-days', values['event-days'], 1, 36_500),
    workDays: whole('--work-days', values['work-days'], 30, 36_500),
    nudges: !values['no-nudges'],
    simulation: values.simulation,
  };
  return { config, exitWithParent: values['exit-with-parent'] };
}

function readArgs(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
  } catch (error) {
    throw new Problem('VALIDATION_FAILED', `${(error as Error).message}\n${USAGE}`);
  }
}

/** From the environment only: both may hold a password, which must not be seen in a list of processes. */
function readStores(env: NodeJS.ProcessEnv): Pick<ControllerConfig, 'databaseUrl' | 'redisUrl'> {
  const databaseUrl = env['DATABASE_URL'] || null;
  const redisUrl = env['REDIS_URL'] || null;
  if (redisUrl !== null && databaseUrl === null)
    throw new Problem(
      'VALIDATION_FAILED',
      'REDIS_URL is for several controllers on one database, which an embedded Postgres cannot be. Set DATABASE_URL too, or remove REDIS_URL.',
    );
  if (redisUrl !== null && !/^rediss?:$/.test(protocolOf(redisUrl)))
    throw new Problem('VALIDATION_FAILED', 'REDIS_URL: expected redis://host:port or rediss://host:port.');
  return { databaseUrl, redisUrl };
}

/** The name must be one that our certificate bears. */
function readAgentUrl(text: string, publicHost: string): string {
  const isOurs = protocolOf(text) === 'https:' && [publicHost, 'localhost'].includes(new URL(text).hostname);
  if (isOurs) return new URL(text).origin;
  throw new Problem(
    'VALIDATION_FAILED',
    `--agent-url takes https://NAME:PORT with the NAME of --public-host (${publicHost}), not ${JSON.stringify(text)}`,
  );
}

/** What a phone opens: no user or password in it, and short enough for a QR code that prints small. */
function readPublicUrl(text: string | undefined): string | null {
  if (text === undefined || text === '') return null;
  if (text === OWN_URL) return text;
  const url = URL.canParse(text) ? new URL(text) : null;
  const isWeb =
    url !== null && ['https:', 'http:'].includes(url.protocol) && url.username === '' && url.password === '';
  if (isWeb && text.length <= PUBLIC_URL_CHARS_MAX) return text;
  throw new Problem(
    'VALIDATION_FAILED',
    `--public-url takes ${OWN_URL}, or http(s)://NAME/… without a user, of at most ${PUBLIC_URL_CHARS_MAX} characters, not ${JSON.stringify(text)}`,
  );
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : '';
}

function whole(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Problem(
    'VALIDATION_FAILED',
    `${option} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`,
  );
}
