/** Stock is wanted: what is left of a raise. The way back is not planned yet; the finding says how to do it by hand. */
import type { Finding, HostState } from '../evaluate-types.ts';
import { makeFinding } from './make-finding.ts';
import type { Situation } from './situation.ts';

export function readStock(situation: Situation, state: HostState): readonly Finding[] {
  const { facts, observed, input } = situation;
  if (state === 'raised')
    return [
      makeFinding('STILL_RAISED', {
        detail: 'Every piece of evidence says that a raised quota is in force.',
        expected: 'the stock kernel',
        seen: facts.bootArgs.inForce,
        path: 'kernel.filesetUuid',
      }),
    ];
  const isOurs = input.record.everRaised || input.record.kc !== null || facts.receipt !== null;
  const isLeft = !['stock', 'unsupported', 'unknown'].includes(observed.kind);
  if (!isOurs || !isLeft) return [];
  return [
    makeFinding('STILL_LOWERED', {
      detail: 'Kernel, boot policy or stored arguments are not as Apple ships them.',
      expected: 'release kernel, no custom kernel, SIP enabled, no quota stored',
      seen: `${facts.kernel.config} kernel, custom kernel ${facts.bootPolicy.customKernel === 'absent' ? 'absent' : 'present'}, SIP ${facts.sip.status ?? 'unknown'}`,
      path: 'bootPolicy.customKernel',
    }),
  ];
}
