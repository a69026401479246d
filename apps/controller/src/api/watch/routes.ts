/** Watching hosts and jobs: server-sent events with the timelines' ids as cursor. */
import { HOST_STATES } from '@headroom/core';
import { z } from 'zod';
import { isoDate } from '../paging.ts';
import { events, type Route } from '../route.ts';
import type { LoggedEvent, ProgressLine } from './event-log.ts';
import type { WatchHub } from './watch-hub.ts';
import type { Show, Shown } from './watcher.ts';

const HOSTS_WATCHED_MAX = 100;
const query = z.object({
  host: z
    .union([z.uuid(), z.array(z.uuid()).max(HOSTS_WATCHED_MAX)])
    .optional()
    .describe('Only these Macs; repeated for several.'),
});

const hostEvent = z.object({
  hostId: z.uuid(),
  at: isoDate,
  kind: z.string().describe('What happened: state, session, enrolled, visit.due, ...'),
  state: z.enum(HOST_STATES).describe('The state now.'),
  detail: z.record(z.string(), z.unknown()),
});

const jobEvent = z.object({
  jobId: z.string(),
  hostId: z.uuid(),
  at: isoDate,
  kind: z.string().describe('Kind of the step.'),
  state: z.string().describe('queued, leased, cancelling, succeeded, failed, refused, cancelled or dead.'),
  detail: z.record(z.string(), z.unknown()),
});

export function watchRoutes(hub: WatchHub): readonly Route[] {
  return [
    events({
      id: 'watchHosts',
      path: '/api/v1/hosts/watch',
      permission: 'host.read',
      summary: 'What happens to Macs, as it happens: states, sessions, visits. `resync` = read the lists again.',
      query,
      event: hostEvent,
      open: ({ actor, query: { host } }, stream) => hub.open(actor, stream, only(host, SHOW_HOSTS)),
    }),
    events({
      id: 'watchJobs',
      path: '/api/v1/jobs/watch',
      permission: 'job.read',
      summary:
        'What happens to jobs, as it happens. `progress` = the last line of a running job, about once a second at most; it has no id and is not repeated. `resync` = read the lists again.',
      query,
      event: jobEvent,
      open: ({ actor, query: { host } }, stream) => hub.open(actor, stream, only(host, SHOW_JOBS)),
    }),
  ];
}

/** Only of these hosts; all when none is named. */
function only(host: string | readonly string[] | undefined, show: Show): Show {
  if (host === undefined) return show;
  const wanted = new Set([host].flat());
  return {
    event: (event) => (wanted.has(event.hostId) ? show.event(event) : null),
    progress: (line) => (wanted.has(line.hostId) ? show.progress(line) : null),
  };
}

function showHostEvent({ hostId, at, kind, detail, hostState: state }: LoggedEvent): Shown {
  if (kind.startsWith('step.')) return null;
  return { name: 'host', data: { hostId, at: at.toISOString(), kind, state, detail } };
}

/** What each line of the timeline says about its job's state. */
const JOB_STATES: Readonly<Record<string, string>> = {
  'step.opened': 'queued',
  'step.started': 'leased',
  'step.lapsed': 'queued',
  'step.retry': 'queued',
  'step.cancel_asked': 'cancelling',
  'step.cancelled': 'cancelled',
};

function showJobEvent({ hostId, at, kind, detail }: LoggedEvent): Shown {
  if (!kind.startsWith('step.')) return null;
  const state = JOB_STATES[kind] ?? String(detail['state'] ?? 'unknown');
  const { jobId, kind: step, ...rest } = detail;
  return { name: 'job', data: { jobId, hostId, at: at.toISOString(), kind: step, state, detail: rest } };
}

function showProgress({ jobId, hostId, at, kind, progress }: ProgressLine): Shown {
  return {
    name: 'progress',
    data: { jobId, hostId, at: at.toISOString(), kind, state: 'leased', detail: { progress } },
  };
}

const SHOW_HOSTS: Show = { event: showHostEvent, progress: () => null };
const SHOW_JOBS: Show = { event: showJobEvent, progress: showProgress };
