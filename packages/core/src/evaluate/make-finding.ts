/** Makes findings out of catalogue rows. */
import type { Finding } from '../evaluate-types.ts';
import type { Facts } from '../facts.ts';
import { factAt } from '../facts-empty.ts';
import { FINDING_SEVERITIES, FINDINGS, type FindingCode } from '../findings.ts';
import { fillTemplate, type TemplateArgs } from '../template.ts';

export interface FindingInput {
  readonly detail: string;
  readonly expected?: string | null;
  readonly seen?: string | null;
  readonly path?: string | null;
  readonly args?: TemplateArgs;
}

export function makeFinding(code: FindingCode, input: FindingInput): Finding {
  const row = FINDINGS[code];
  const args = input.args ?? {};
  return {
    code,
    severity: row.severity,
    title: fillTemplate(row.title, args),
    detail: input.detail,
    expected: input.expected ?? null,
    seen: input.seen ?? null,
    nextStep: fillTemplate(row.nextStep, args),
    path: input.path ?? null,
  };
}

/** Why a fact is null, as the agent gave it; or what it says, in a form that tells nothing for sure. */
export function unknownReason(facts: Facts, path: string): string {
  const reason = Object.hasOwn(facts.unknown, path) ? facts.unknown[path] : undefined;
  if (reason !== undefined) return reason;
  const seen = factAt(facts, path);
  return seen == null ? 'no reason was given' : `what is there is in no form that is known to us: ${String(seen)}`;
}

export function factUnknown(facts: Facts, path: string): Finding {
  return makeFinding('FACT_UNKNOWN', {
    detail: `Unknown: ${unknownReason(facts, path)}.`,
    seen: 'unknown',
    path,
    args: { path },
  });
}

/** Blockers first, then warnings, then notes; each code and path once, else in the order found. */
export function orderFindings(findings: readonly Finding[]): readonly Finding[] {
  const seen = new Set<string>();
  const once = findings.filter(({ code, path }) => {
    const key = `${code} ${path ?? ''}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
  return FINDING_SEVERITIES.flatMap((severity) => once.filter((finding) => finding.severity === severity));
}
