/**
 * A Mac with a custom kernel is lost, and no visit explains it: somebody has to look, with the break-glass line at hand. It lowers
 * nothing and needs no consent. Silence is no evidence, so the host's state stays what it was.
 */
import { hasCustomKernel } from '../custom-kernel.ts';
import type { Next } from './next.ts';
import { handsMissing } from './readiness.ts';
import type { Situation } from './situation.ts';

const REASON =
  'Lost, with a custom kernel when it was last heard of: look at the Mac, and bring the kernel of Apple back if it does not start.';

/** Adds the visit where there is none. One that was made stays until the Mac is heard of again. */
export function withRecovery(situation: Situation, next: Next): Next {
  const { input, observed, facts } = situation;
  const { presence, work, intent } = input;
  const isLost = presence === 'lost' || (work.visit?.kind === 'recover' && presence !== 'online');
  // A visit says what it is for: a kernel that cannot be told is no reason, and the Mac is called lost all the same.
  const isOurs = intent.number > 0 && observed.kind !== 'unsupported' && hasCustomKernel(facts) === true;
  if (next.visit !== null || !isLost || !isOurs) return next;
  const missing = handsMissing(input);
  const findings = [
    ...next.findings,
    ...missing.filter(({ code }) => !next.findings.some((known) => known.code === code)),
  ];
  return { ...next, visit: missing.length > 0 ? null : { kind: 'recover', reason: REASON }, findings };
}
