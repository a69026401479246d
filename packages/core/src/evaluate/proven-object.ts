/**
 * The custom kernel that the boot policy names, once a boot has proven that it is ours: a hash in the policy says nothing by itself,
 * and it is no hash of our file. Guarantee: a value is remembered only with the collection whose LC_UUID ran under it, and another
 * value takes its place only when a visit of ours, or a boot of our collection under that very value, explains it.
 */
import type { EvaluateInput, HostRecord, ProvenObject } from '../evaluate-types.ts';
import { sameText } from '../evidence.ts';
import type { Facts } from '../facts.ts';

const CUSTOM_KERNEL = /^[0-9A-F]{96}$/;

export function proveObject({
  facts,
  record,
  now,
}: Pick<EvaluateInput, 'facts' | 'record' | 'now'>): ProvenObject | null {
  const known = record.memory?.provenObject ?? null;
  const { kc } = record;
  const customKernel = facts?.bootPolicy.customKernel ?? '';
  if (facts === null || kc === null || facts.boot.sessionId === null || !CUSTOM_KERNEL.test(customKernel)) return known;
  if (facts.kernel.config !== 'development' || !sameText(facts.kernel.filesetUuid, kc.uuid)) return known;
  const proven = { kcUuid: kc.uuid, customKernel, at: now.toISOString() };
  if (known === null || !sameText(known.kcUuid, kc.uuid)) return proven;
  if (known.customKernel === customKernel) return known;
  return isExplained(known, facts, record) ? proven : known;
}

function isExplained({ at }: ProvenObject, { boot, bootPolicy }: Facts, record: HostRecord): boolean {
  const { visitOpenedAt, bootFirstSeenAt, memory } = record;
  const wasVisited = isBefore(at, visitOpenedAt) && isBefore(visitOpenedAt, bootFirstSeenAt);
  const seen = memory?.policySeen ?? null;
  // What changes after this boot was first looked at is explained by nothing that happened before it.
  if (seen !== null && sameText(seen.bootSessionId, boot.sessionId)) return false;
  return wasVisited || seen?.customKernel === bootPolicy.customKernel;
}

function isBefore(earlier: string | null, later: string | null): boolean {
  return earlier !== null && later !== null && Date.parse(earlier) < Date.parse(later);
}
