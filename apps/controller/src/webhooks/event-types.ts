/**
 * What webhooks tell: each event, when it happens, and the fields of its `data`. The table is the contract: exactly these fields are
 * sent, null where nothing is known, and docs/webhooks.md is generated from it.
 */

export interface WebhookEventRow {
  readonly when: string;
  /** Fields of `data`, beside `host` in events of one Mac. */
  readonly data: Readonly<Record<string, string>>;
  /** Kinds of lines in a Mac's timeline that are this event; none = it is told by whoever does it. */
  readonly timeline?: readonly string[];
}

const VISIT = { visitId: 'the visit', actor: 'who did it' };
const VISIT_OF_KIND = { ...VISIT, kind: '`raise`, `restart`, `revert` or `recover`' };
const STEP = { jobId: 'the job', kind: 'kind of the step, e.g. `build_kc`' };
const STEP_END = {
  ...STEP,
  stepIndex: 'its place in the plan, from 0',
  state: 'state of the job now',
  errorCode: 'row of docs/errors.md, or null',
  errorDetail: 'the cause in words, or null',
};
const ROLLOUT = {
  rolloutId: 'the rollout',
  revisionId: 'the policy revision that it brings; null = back to stock',
  state: 'its state now',
  reason: 'why, in words, or null',
  actor: 'who did it',
};
const EXCEPTION = { exceptionId: 'the exception', actor: 'who did it', expiresAt: 'when the consent ends' };

export const WEBHOOK_EVENTS = {
  'host.enrolled': {
    when: 'A Mac enrolled, for the first time or again.',
    data: { again: 'true = it was known before', agentVersion: 'version of its agent' },
    timeline: ['enrolled'],
  },
  'host.state': {
    when: 'The state of a Mac changed (docs/host-states.md).',
    data: { from: 'state before', to: 'state now', waitsFor: 'what it waits for, or null' },
    timeline: ['state'],
  },
  'host.drift': {
    when: 'Something that had held on a raised Mac does not hold any more; each piece is told once.',
    data: {
      pieces:
        'list of `{id, title, path, was, seen, at}`: the piece of evidence, what was there, what is now, since when',
    },
    timeline: ['drift'],
  },
  'host.proof': {
    when: 'The degree to which a raise is proven changed.',
    data: { from: 'degree before, e.g. `configured`, or null', to: 'degree now, e.g. `witnessed`, or null' },
    timeline: ['proof'],
  },
  'host.intent': {
    when: 'Something else is wanted of a Mac from now on.',
    data: { number: 'number of the intent', quota: 'guests wanted; 2 = stock', rolloutId: 'the rollout that did it' },
    timeline: ['intent'],
  },
  'host.clone_suspected': {
    when: 'Two Macs seem to use one identity.',
    data: { reason: 'what made us think so' },
    timeline: ['clone.suspected'],
  },
  'host.lost': {
    when: 'A Mac was not heard of for a day; told once, and what is shown of it is as old.',
    data: { lastSeenAt: 'when it was heard of last', state: 'its last known state' },
    timeline: ['lost'],
  },
  'host.returned': {
    when: 'A lost Mac was heard of again.',
    data: { silentSince: 'when it was heard of before', state: 'its state now' },
    timeline: ['returned'],
  },
  'host.retire_asked': {
    when: 'A Mac shall be retired, and is led back to stock first.',
    data: { reason: 'why', state: 'its state', rolloutId: 'the rollout that leads it back' },
    timeline: ['retire_asked'],
  },
  'host.retire_dropped': {
    when: 'A Mac that was being led back is not retired: something else is wanted of it since.',
    data: { reason: 'why' },
    timeline: ['retire_dropped'],
  },
  'host.retired': {
    when: 'A Mac was taken out of the fleet.',
    data: { reason: 'why', state: 'its last state' },
    timeline: ['retired'],
  },
  'host.forgotten': {
    when: 'A dead or stolen Mac was taken out of the fleet: nothing is proven of it.',
    data: { reason: 'why', state: 'its last state' },
    timeline: ['forgotten'],
  },
  'visit.due': {
    when: 'A Mac needs a person.',
    data: { ...VISIT_OF_KIND, reason: 'why', dueAt: 'until when' },
    timeline: ['visit.due'],
  },
  'visit.renewed': {
    when: 'The visit kit was placed anew: the visit is due again, and a code that was given is void.',
    data: { ...VISIT, reason: 'why' },
    timeline: ['visit.renewed'],
  },
  'visit.assigned': {
    when: 'A visit was given to somebody, or to nobody.',
    data: { ...VISIT, owner: 'whose it is now, or null', before: 'whose it was, or null' },
    timeline: ['visit.assigned'],
  },
  'visit.postponed': {
    when: 'A visit was put off.',
    data: { ...VISIT, dueAt: 'until when', before: 'until when it was before, or null', reason: 'why, or null' },
    timeline: ['visit.postponed'],
  },
  'visit.drain': {
    when: 'A visit begins soon: start no new guests on this Mac (Orchard, Jenkins, tart), and let those that run end.',
    data: VISIT_OF_KIND,
    timeline: ['visit.drain'],
  },
  'visit.open': {
    when: 'Somebody opened a visit: from now on its code works.',
    data: VISIT_OF_KIND,
    timeline: ['visit.open'],
  },
  'visit.done': {
    when: 'Somebody said that the work at the Mac is done; it proves nothing.',
    data: VISIT_OF_KIND,
    timeline: ['visit.done'],
  },
  'visit.overdue': {
    when: 'A Mac was not heard of again within the time that its visit takes.',
    data: { ...VISIT_OF_KIND, hostState: 'state of the Mac', causes: 'what to look for, in order, parted by blanks' },
    timeline: ['visit.overdue'],
  },
  'visit.back': {
    when: 'A Mac that was overdue was heard of again.',
    data: { ...VISIT_OF_KIND, hostState: 'state of the Mac' },
    timeline: ['visit.back'],
  },
  'visit.cancelled': {
    when: 'Nobody goes now: an opened or drained visit is due again.',
    data: { ...VISIT_OF_KIND, reason: 'why' },
    timeline: ['visit.cancelled'],
  },
  'visit.closed': {
    when: 'Evidence ended a visit.',
    data: { ...VISIT_OF_KIND, hostState: 'state of the Mac now' },
    timeline: ['visit.closed'],
  },
  'visit.withdrawn': {
    when: 'A visit ended because it is not needed any more.',
    data: { ...VISIT_OF_KIND, hostState: 'state of the Mac now, or null', reason: 'why, or null' },
    timeline: ['visit.withdrawn'],
  },
  'visit.over': {
    when: 'The drain has ended: guests may be started on this Mac again. Each `visit.drain` has one.',
    data: VISIT_OF_KIND,
    timeline: ['visit.over'],
  },
  'job.opened': {
    when: 'A job was made: the first step of a plan, or the next one. It waits for its Mac to take it.',
    data: { ...STEP, stepIndex: 'its place in the plan, from 0' },
    timeline: ['step.opened'],
  },
  'job.started': {
    when: 'A Mac took a job.',
    data: {
      ...STEP,
      stepIndex: 'its place in the plan, from 0',
      leaseNumber: 'counts how often it was handed out',
      attempts: 'tries that failed',
    },
    timeline: ['step.started'],
  },
  'job.succeeded': { when: 'A job was done.', data: STEP_END, timeline: ['step.finished'] },
  'job.retried': { when: 'A job failed and will be tried again.', data: STEP_END, timeline: ['step.retry'] },
  'job.failed': {
    when: 'A job ended without success: failed, refused by the Mac, or dead after its last try.',
    data: STEP_END,
    timeline: ['step.failed'],
  },
  'job.lapsed': {
    when: 'A Mac gave no sign of life while it had a job: the job waits to be taken again.',
    data: { ...STEP, leaseNumber: 'the lease that lapsed' },
    timeline: ['step.lapsed'],
  },
  'job.cancelling': {
    when: 'Somebody cancelled a job that a Mac works on: it is asked to stop.',
    data: { ...STEP, reason: 'why', actor: 'who cancelled it' },
    timeline: ['step.cancel_asked'],
  },
  'job.cancelled': {
    when: 'A job was cancelled: by a person, or because its plan was replaced.',
    data: { ...STEP, actor: 'who did it, or null', reason: 'why, or null' },
    timeline: ['step.cancelled'],
  },
  'job.replayed': {
    when: 'Somebody asked to plan anew what a dead letter was for.',
    data: { ...STEP, state: 'state of the job, which stays as it ended', actor: 'who asked' },
    timeline: ['step.replayed'],
  },
  'rollout.created': { when: 'A rollout was made.', data: { ...ROLLOUT, targets: 'how many Macs it is for' } },
  'rollout.changed': {
    when: 'Somebody confirmed, paused, resumed, halted or retried a rollout, opened a gate or skipped a Mac; or it halted itself.',
    data: { ...ROLLOUT, change: '`confirm`, `pause`, `resume`, `halt`, `gate`, `retry` or `skip`' },
  },
  'rollout.waits': { when: 'A rollout has come to a gate that a person has to open.', data: ROLLOUT },
  'rollout.ended': { when: 'A rollout finished, or a newer one took all its Macs.', data: ROLLOUT },
  'exception.requested': { when: 'An exception waits for a second person.', data: EXCEPTION },
  'exception.lapsed': {
    when: 'Nobody approved a request within 30 days: it counts no more.',
    data: { ...EXCEPTION, requestedBy: 'who asked' },
  },
  'exception.approved': {
    when: 'An exception was approved: its grants are signed.',
    data: { ...EXCEPTION, hosts: 'how many Macs it covers' },
  },
  'exception.needs_signature': {
    when: 'The key that signed the grants of an exception was retired: they cover nothing until it is signed again.',
    data: { ...EXCEPTION, until: 'it ends then, unless signed again', hosts: 'how many Macs rely on it' },
  },
  'exception.ends_soon': {
    when: 'An exception ends in 30, 7 or 1 days; each is told once.',
    data: { ...EXCEPTION, days: '30, 7 or 1', hosts: 'how many Macs rely on it' },
  },
  'exception.ended': {
    when: 'The end of an exception was carried out, in one part or more: its Macs go back to stock, or stay raised under another.',
    data: {
      ...EXCEPTION,
      how: '`ended` or `was taken back`',
      backToStock: 'how many Macs go back',
      coveredByAnother: 'how many another exception covers',
    },
  },
  'exception.revoked': {
    when: 'An exception was revoked.',
    data: { ...EXCEPTION, reason: 'why, or null', hosts: 'how many Macs relied on it' },
  },
  ping: {
    when: 'Somebody asked for a test of the webhook. It goes to that one, whatever it is subscribed to.',
    data: { actor: 'who asked' },
  },
} as const satisfies Record<string, WebhookEventRow>;

export type WebhookEventType = keyof typeof WEBHOOK_EVENTS;

const WEBHOOK_EVENT_TYPES = Object.keys(WEBHOOK_EVENTS) as readonly WebhookEventType[];

const GROUPS = [...new Set(WEBHOOK_EVENT_TYPES.flatMap((type) => (type.includes('.') ? [groupOf(type)] : [])))];

/** What a webhook can ask for: an event, all of a group, or everything. */
export const SUBSCRIPTIONS: readonly string[] = [
  '*',
  ...GROUPS,
  ...WEBHOOK_EVENT_TYPES.filter((type) => type !== 'ping'),
];

const BY_KIND: ReadonlyMap<string, WebhookEventType> = new Map(
  WEBHOOK_EVENT_TYPES.flatMap((type) => {
    const row: WebhookEventRow = WEBHOOK_EVENTS[type];
    return (row.timeline ?? []).map((kind) => [kind, type] as const);
  }),
);

/** The event that a line of a timeline is; null = none. */
export function eventOfKind(kind: string): WebhookEventType | null {
  return BY_KIND.get(kind) ?? null;
}

/** `visit.*` of `visit.due`. */
export function groupOf(type: string): string {
  return `${type.split('.', 1)[0]}.*`;
}
