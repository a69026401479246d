import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Problem } from '../common/problem.ts';
import type { ControllerConfig } from './config.ts';

export const USAGE = `headroom-controller serve [options]
  --state-dir DIR       keys, KDK images, embedded Postgres (default .headroom-controller); made with mode 0700
  --fleet-name NAME     name of a new fleet (default "fleet")
  --public-host NAME    name that agents and people dial (default localhost)
  --listen-host ADDR    address to listen on (default 127.0.0.1)
  --api-port N          REST API (default 0 = any free port)
  --enrol-port N        enrolment (default 0)
  --agent-port N        agents (default 0)
  --check-in-ms N       how often agents check in (default 60000)
  --lease-ttl-ms N      how long a job stays leased without a sign of life (default 60000)
  --sweep-ms N          how often what is due is looked for without a wake-up (default 2000)
  --no-nudges           agents are not woken up; everything still works, only slower
  --simulation          grants of this controller work on simulated Macs only
  --exit-with-parent    end when standard input closes
Environment: DATABASE_URL uses that Postgres instead of an embedded one.
Ready is one line of JSON on standard output: {"apiUrl", "enrolUrl", "agentUrl"}; the first admin's token lies in DIR/admin.token.`;

export interface ServeOptions {
  readonly config: ControllerConfig;
  readonly exitWithParent: boolean;
}

const OPTIONS = {
  'state-dir': { type: 'string', default: '.headroom-controller' },
  'fleet-name': { type: 'string', default: 'fleet' },
  'public-host': { type: 'string', default: 'localhost' },
  'listen-host': { type: 'string', default: '127.0.0.1' },
  'api-port': { type: 'string', default: '0' },
  'enrol-port': { type: 'string', default: '0' },
  'agent-port': { type: 'string', default: '0' },
  'check-in-ms': { type: 'string', default: '60000' },
  'lease-ttl-ms': { type: 'string', default: '60000' },
  'sweep-ms': { type: 'string', default: '2000' },
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
    databaseUrl: env['DATABASE_URL'] || null,
    publicHost: values['public-host'],
    listenHost: values['listen-host'],
    apiPort: whole('--api-port', values['api-port'], 0, 65535),
    enrolPort: whole('--enrol-port', values['enrol-port'], 0, 65535),
    agentPort: whole('--agent-port', values['agent-port'], 0, 65535),
    checkInMs: whole('--check-in-ms', values['check-in-ms'], 100, 3_600_000),
    leaseTtlMs: whole('--lease-ttl-ms', values['lease-ttl-ms'], 1000, 3_600_000),
    sweepMs: whole('--sweep-ms', values['sweep-ms'], 50, 600_000),
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

function whole(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Problem(
    'VALIDATION_FAILED',
    `${option} takes a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`,
  );
}
