/** Stock is wanted: what is left of a raise, and what stayed behind after it was taken back. */
import { quotaInBootArgs } from '../boot-args.ts';
import type { Finding, HostState } from '../evaluate-types.ts';
import { stockGaps } from '../stock-proof.ts';
import { factUnknown, makeFinding } from './make-finding.ts';
import { stillRaised } from './next.ts';
import { isTouched, type Situation } from './situation.ts';

export function readStock(situation: Situation, state: HostState): readonly Finding[] {
  const { facts, observed } = situation;
  const { ended = null } = situation.input.intent;
  if (state === 'raised' && ended !== null) return [stillRaised(ended.isExpired, `The consent ended ${ended.at}.`)];
  if (state === 'raised')
    return [
      makeFinding('STILL_RAISED', {
        detail: 'Every piece of evidence says that a raised quota is in force.',
        expected: 'the stock kernel',
        seen: facts.bootArgs.inForce,
        path: 'kernel.filesetUuid',
      }),
    ];
  if (observed.kind === 'unsupported' || !isTouched(situation)) return [];
  const gaps = stockGaps(facts);
  const unread = gaps.filter(({ seen }) => seen === null).map(({ path }) => factUnknown(facts, path));
  const [first] = gaps.filter(({ seen }) => seen !== null);
  if (first === undefined) return unread.length > 0 || observed.kind === 'unknown' ? unread : readReverted(situation);
  const expected = gaps.map(({ path, expected: wanted }) => `${path} ${wanted}`).join(', ');
  const seen = gaps.map(({ path, seen: value }) => `${path} ${value ?? 'unknown'}`).join(', ');
  const detail = 'Kernel, boot policy or arguments in force are not as Apple ships them.';
  return [...unread, makeFinding('STILL_LOWERED', { detail, expected, seen, path: first.path })];
}

/** Proven stock; said honestly what is not as it may have been before. */
function readReverted({ facts, input: { record } }: Situation): readonly Finding[] {
  const found: Finding[] = [];
  if (record.everRaised && facts.bootPolicy.securityMode === 'reduced')
    found.push(
      makeFinding('REVERTED_STILL_REDUCED', {
        detail: 'The offline way back ends here, as does a Mac that was Reduced before.',
        expected: 'full, or reduced as before',
        seen: 'reduced',
        path: 'bootPolicy.securityMode',
      }),
    );
  const { stored } = facts.bootArgs;
  if (stored !== null && quotaInBootArgs(stored) !== null)
    found.push(
      makeFinding('QUOTA_STILL_STORED', {
        detail: 'The arguments were not put back before SIP was switched on.',
        expected: 'no quota stored',
        seen: stored,
        path: 'bootArgs.stored',
      }),
    );
  return found;
}
