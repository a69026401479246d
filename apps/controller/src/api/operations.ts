/** Routes for whoever runs the controller: is it alive, is it ready, and a few numbers for Prometheus. */
import { z } from 'zod';
import type { CallLimit } from '../agents/call-limit.ts';
import { Problem } from '../common/problem.ts';
import type { SweepHealth } from '../common/sweep-parts.ts';
import type { Database } from '../db/database.ts';
import { words } from '../db/words.ts';
import type { EndedTally } from '../jobs/ended-tally.ts';
import { OPEN_STATES } from '../jobs/job-life.ts';
import { isoDate } from './paging.ts';
import { PERMISSIONS, ROLES } from './permissions.ts';
import { type Route, route } from './route.ts';
import type { SignIn } from './sign-in.ts';

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';
const OK = z.object({ status: z.literal('ok') });
const READY = OK.extend({
  failing: z
    .array(z.object({ part: z.string(), since: isoDate, rounds: z.number().int() }))
    .describe('Parts of the sweep that keep failing, rounds in a row; the log has the cause. The others go on.'),
});

export interface Operated {
  readonly database: Database;
  readonly health: SweepHealth;
  readonly ended: EndedTally;
  readonly signIn: SignIn;
  readonly calls: CallLimit;
}

export function operationRoutes(operated: Operated): readonly Route[] {
  const { database, health } = operated;
  return [
    route({
      id: 'getHealth',
      method: 'GET',
      path: '/healthz',
      permission: 'public',
      summary: 'The process answers.',
      status: 200,
      reply: OK,
      handle: () => ({ status: 'ok' as const }),
    }),
    route({
      id: 'getReady',
      method: 'GET',
      path: '/readyz',
      permission: 'public',
      summary: 'The database answers too. What keeps failing in the background is named.',
      status: 200,
      reply: READY,
      handle: async () => {
        try {
          await database.look('SELECT 1');
        } catch {
          throw new Problem('NOT_READY', 'The database does not answer.');
        }
        const failing = health.failing().map((one) => ({ ...one, since: one.since.toISOString() }));
        return { status: 'ok' as const, failing };
      },
    }),
    route({
      id: 'getMetrics',
      method: 'GET',
      path: '/metrics',
      permission: 'metrics.read',
      summary:
        'Hosts by state, open jobs, jobs that ended, and figures of the process, for Prometheus. Each controller tells of the whole fleet. Give the scraper a token of role `tool`.',
      status: 200,
      text: PROMETHEUS,
      reply: z.string(),
      handle: ({ now }) => metrics(operated, now),
    }),
    route({
      id: 'getMe',
      method: 'GET',
      path: '/api/v1/me',
      permission: 'me.read',
      summary: 'Who the token is, and what it may do.',
      status: 200,
      reply: z.object({ name: z.string(), role: z.enum(ROLES), permissions: z.array(z.enum(PERMISSIONS)) }),
      handle: ({ actor: { name, role, permissions } }) => ({ name, role, permissions: [...permissions] }),
    }),
  ];
}

const HOSTS = `
  SELECT s.state, count(*)::int AS count FROM host_state s JOIN host h ON h.id = s.host_id
  WHERE h.retired_at IS NULL GROUP BY s.state ORDER BY s.state`;
/** Of open ones only, by the index that holds no others: those that are over are many, and counted as they end. */
const JOBS = `
  SELECT shown.state, count(j.state)::int AS count
  FROM unnest(ARRAY[${words(OPEN_STATES)}]) AS shown(state)
    LEFT JOIN (SELECT state FROM job WHERE state IN (${words(OPEN_STATES)})) j USING (state)
  GROUP BY shown.state ORDER BY shown.state`;
/** What somebody may have to look at; the delivered ones are many, and fine. Each state is said as such, for its own index. */
const DELIVERIES = `
  SELECT 'queued' AS state, count(*)::int AS count FROM webhook_delivery WHERE state = 'queued'
  UNION ALL SELECT 'dead', count(*)::int FROM webhook_delivery WHERE state = 'dead' AND ended_at IS NOT NULL`;

const NOT_EVALUATED = `
  SELECT count(*)::int AS hosts FROM host_state s JOIN host h ON h.id = s.host_id
  WHERE h.retired_at IS NULL AND s.findings @> '[{"code": "EVALUATION_FAILED"}]'`;

async function metrics({ database, health, ended, signIn, calls }: Operated, now: Date): Promise<string> {
  const count = async (sql: string) =>
    (await database.look<{ state: string; count: number }>(sql)).map(
      ({ state, count }) => [`{state="${state}"}`, count] as const,
    );
  const [hosts, [failed], jobs, deliveries, ends] = await Promise.all([
    count(HOSTS),
    database.look<{ hosts: number }>(NOT_EVALUATED),
    count(JOBS),
    count(DELIVERIES),
    ended.read(now),
  ]);
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return [
    ...gauge('headroom_hosts', 'Macs by state.', hosts),
    ...gauge('headroom_hosts_not_evaluated', 'Macs with the finding EVALUATION_FAILED.', [['', failed?.hosts ?? 0]]),
    ...gauge('headroom_jobs', 'Open jobs by state.', jobs),
    ...counter(
      'headroom_jobs_ended_total',
      'Jobs of the fleet that ended since this controller started, by how.',
      ends.map(([state, count]) => [`{state="${state}"}`, count]),
    ),
    ...gauge('headroom_webhook_deliveries', 'Messages to webhooks that wait, and dead letters.', deliveries),
    ...gauge(
      'headroom_sweep_failed_rounds',
      'Rounds in a row that a part of the sweep has failed; 0 = it works.',
      health.rounds().map(([part, rounds]) => [`{part="${part}"}`, rounds]),
    ),
    ...counter(
      'headroom_api_sign_ins_refused_total',
      'Requests with a token that is not known; limited = not looked for.',
      [
        ['{why="unknown"}', signIn.counts().failed],
        ['{why="limited"}', signIn.counts().limited],
      ],
    ),
    ...counter(
      'headroom_agent_calls_refused_total',
      'Calls of Macs that called too often, by Mac, since this controller started.',
      calls.refused().map(([host, count]) => [`{host="${host}"}`, count]),
    ),
    ...gauge('process_resident_memory_bytes', 'Resident memory.', [['', rss]]),
    ...gauge('nodejs_heap_used_bytes', 'Heap in use.', [['', heapUsed]]),
    ...gauge('process_uptime_seconds', 'Time since the start.', [['', process.uptime()]]),
    ...counter('process_cpu_seconds_total', 'CPU time, user and system.', [['', (user + system) / 1e6]]),
    '',
  ].join('\n');
}

type Samples = readonly (readonly [labels: string, value: number])[];

function gauge(name: string, help: string, samples: Samples): readonly string[] {
  return metric('gauge', name, help, samples);
}

function counter(name: string, help: string, samples: Samples): readonly string[] {
  return metric('counter', name, help, samples);
}

function metric(type: 'gauge' | 'counter', name: string, help: string, samples: Samples): readonly string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(([labels, value]) => `${name}${labels} ${value}`),
  ];
}
