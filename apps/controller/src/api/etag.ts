/**
 * ETags of what people change: a host (name and labels), its place, a policy (its newest revision), a rollout, a visit (who, when, how far)
 * and so on. What changes by itself, such as when a Mac was last heard, is no part of them: a change must not fail because the Mac
 * reported meanwhile.
 */
import { createHash } from 'node:crypto';
import { invalid } from '../common/field-errors.ts';
import { Problem } from '../common/problem.ts';

export function hostEtag({ name, labels }: { readonly name: string; readonly labels: readonly string[] }): string {
  return tag(['host', name, ...labels]);
}

export function policyEtag({ newest }: { readonly newest: { readonly number: number } }): string {
  return revisionEtag(newest.number);
}

export function revisionEtag(number: number): string {
  return `"r${number}"`;
}

/** What people change of a visit. That its Mac was found overdue is no part of it. */
export interface VisitMark {
  readonly state: string;
  readonly owner: string | null;
  readonly dueAt: string | null;
  readonly openedAt: string | null;
  readonly doneAt: string | null;
  readonly drainedSince: string | null;
}

export function visitEtag({ state, owner, dueAt, openedAt, doneAt, drainedSince }: VisitMark): string {
  return tag(['visit', state, ...[owner, dueAt, openedAt, doneAt, drainedSince].map((part) => part ?? '')]);
}

/** Kept by people only, so all of it counts. */
export function placeEtag(place: object): string {
  const parts = Object.entries(place).map(([field, value]) => `${field}=${JSON.stringify(value)}`);
  return tag(['place', ...parts.sort()]);
}

/** What people set; how its deliveries go is no part of it. */
export function webhookEtag({ name, url, events, state }: WebhookTagged): string {
  return tag(['webhook', name, url, state, ...events]);
}

/** How far it is, and the gates that people opened. That a Mac came through is no part of it. */
export function rolloutEtag(state: string, gatesOpened: readonly number[]): string {
  return tag(['rollout', state, ...gatesOpened.map(String)]);
}

/** What people set; to how many Macs it gave its label is no part of it. */
export function labelRuleEtag({ label, filter }: { readonly label: string; readonly filter: string }): string {
  return tag(['label-rule', label, filter]);
}

interface WebhookTagged {
  readonly name: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly state: string;
}

/** The one ETag of an If-Match header; null without one, and for `*`, which any existing thing meets. */
export function readIfMatch(header: string | undefined): string | null {
  if (header === undefined || header.trim() === '*') return null;
  const etag = header.trim();
  if (/^"[\x21\x23-\x7e]{1,100}"$/.test(etag)) return etag;
  throw invalid([{ path: 'header.if-match', message: 'expected one ETag as it was answered, with its quotes' }]);
}

/** Call it with the thing locked, or the answer may be old already. */
export function requireMatch(ifMatch: string | null | undefined, present: string): void {
  if (ifMatch == null || ifMatch === present) return;
  throw new Problem('PRECONDITION_FAILED', `expected ETag ${ifMatch}, seen ${present}`, { etag: present });
}

function tag(parts: readonly string[]): string {
  return `"${createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22)}"`;
}
