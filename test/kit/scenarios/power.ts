/** Power that fails between the steps: each tool has done what it does, and nothing of it is on the receipt yet. */
import { cutPower } from '@headroom/mac-sim';
import { expect } from 'vitest';
import { faults, mended } from './acts.ts';
import type { Scenario, Visitor } from './scenario.ts';

const BOOT_ARGS = '40A0DDD2-77F8-4392-B4A3-1E7304206516:boot-args';
const STORED = { stored: { 'boot-args': expect.stringContaining('hv_apple_isa_vm_quota=0xFF') }, unflushed: {} };
const NOT_STORED = { stored: expect.not.objectContaining({ 'boot-args': expect.anything() }), unflushed: {} };
const LOWERED = { sip0: '7f', sip3: true } as const;

interface Cut {
  readonly after: string;
  /** The call that is the last. */
  readonly call: string;
  readonly happens: string;
  readonly receipt: string;
  readonly state: object;
  /** What the same line says then. */
  readonly again: RegExp;
}

const OF_RAISE: readonly Cut[] = [
  {
    after: 'csrutil disable',
    call: 'csrutil disable',
    happens: 'SIP is off, the receipt says only that raise began.',
    receipt: 'started',
    state: { policy: { ...LOWERED, coih: null } },
    again: /Step 1, csrutil disable: already done/,
  },
  {
    after: 'configure-boot',
    call: 'kmutil configure-boot',
    happens: 'A kernel is installed, and nothing proves that it is ours; so it is installed again.',
    receipt: 'csrutil-done',
    state: { policy: { ...LOWERED, coih: expect.any(String) } },
    again: /Step 1, csrutil disable: already done[\s\S]*Step 2, kmutil configure-boot\. It will ask/,
  },
  {
    after: 'nvram',
    call: `nvram ${BOOT_ARGS}=`,
    happens: 'The arguments were only buffered, and are lost.',
    receipt: 'configure-boot-done',
    state: { policy: LOWERED, nvram: NOT_STORED },
    again: /already done for this very kernel collection[\s\S]*Step 3, boot arguments: stored/,
  },
  {
    after: 'nvram -s',
    call: 'nvram -s',
    happens: 'All is stored, the receipt does not say so.',
    receipt: 'configure-boot-done',
    state: { policy: LOWERED, nvram: STORED },
    again: /already done for this very kernel collection[\s\S]*Step 3, boot arguments: stored/,
  },
];

const OF_REVERT: readonly Cut[] = [
  {
    after: 'nvram -d',
    call: 'nvram -d',
    happens: 'The arguments were only buffered as deleted, so the kernel that is still there keeps them.',
    receipt: 'started',
    state: { policy: LOWERED, nvram: STORED },
    again: /Step 1, boot arguments: none, as before[\s\S]*Step 2, csrutil enable\. It will ask/,
  },
  {
    after: 'csrutil enable',
    call: 'csrutil enable',
    happens: 'Full Security, the stock kernel, and stored arguments that no kernel gets any more.',
    receipt: 'started',
    state: { policy: { smb0: false, sip0: null, coih: null }, nvram: STORED },
    again:
      /Step 1, boot arguments: refused here[\s\S]*Step 2, csrutil enable: already done[\s\S]*They have no effect while the filter is on/,
  },
];

const TEXT = 'run sheet: back by the button, the same line; done steps are left out';

function scenarioOf({ after, call, happens, receipt, state, again }: Cut, verb: 'raise' | 'revert'): Scenario {
  const follow = async (visitor: Visitor): Promise<void> => {
    mended(visitor);
    cutPower(visitor.mac.dir);
    expect((await visitor[verb]()).transcript).toMatch(again);
  };
  return {
    name: `power fails after ${after}${verb === 'revert' ? ', in revert' : ''}`,
    happens,
    ...(verb === 'revert' ? { raised: true } : {}),
    prepare: faults({ powerFailsAfter: call }),
    visit: (visitor) => visitor[verb](),
    ends: { state: { power: 'off', ...state }, receipt },
    remedy: {
      text: TEXT,
      onSheet: { says: /Power fails.* back by the held button, type the same line again; done steps are left out/ },
      follow,
    },
    finally: verb === 'raise' ? 'raised' : 'reverted',
  };
}

export const powerInRaise: readonly Scenario[] = OF_RAISE.map((cut) => scenarioOf(cut, 'raise'));
export const powerInRevert: readonly Scenario[] = OF_REVERT.map((cut) => scenarioOf(cut, 'revert'));
