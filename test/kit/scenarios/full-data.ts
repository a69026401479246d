/** Data without room: for the receipt, which is seen before the first change, and for the copy of the kernel collection, which is not. */
import { mkdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { usedBytes } from '@headroom/mac-sim';
import { change } from './acts.ts';
import { type Scenario, typing } from './scenario.ts';

/** All volumes share the room of one container: the receipt still fits, the copy of the kernel collection does not. */
function fullWhileCopying(): Scenario {
  const backup = 'Users/Shared/old-backup';
  return {
    name: 'Data full while configure-boot copies',
    happens: 'SIP is off already, and there is no room for the copy of the kernel collection.',
    prepare: (visitor) => {
      const { dir, kit } = visitor.mac;
      const { size } = statSync(join(kit, 'KernelCollection.kc'));
      writeFileSync(join(dir, backup), Buffer.alloc(size));
      change((state) => {
        state.volumes.sizeBytes = usedBytes(dir) + size - 1;
      })(visitor);
    },
    visit: ({ raise }) => raise(),
    ends: {
      says: /No space left on device[\s\S]*Stopped at: configure-boot/,
      state: { policy: { sip0: '7f', sip3: true, coih: null } },
      receipt: 'failed:configure-boot',
    },
    remedy: {
      text: 'free some space (here a file of Data is removed in the Terminal), then the same line',
      onScreen: /read-only, no space +Disk Utility > Data > Mount, or free some space/,
      follow: ({ mac, raise }) => raise(typing(`rm /Volumes/Data/${backup}`, mac.line)),
    },
    finally: 'raised',
    inTests: true,
    inMoreShells: true,
  };
}

export const fullData: readonly Scenario[] = [
  {
    name: 'Data full',
    happens: 'The receipt cannot be written; seen before the first change.',
    prepare: ({ mac }) => void mkdirSync(join(mac.kit, 'receipt.new')),
    visit: ({ raise }) => raise(),
    ends: {
      says: /cannot be written: Data is read-only or full[\s\S]*Nothing was changed/,
      state: { policy: { sip0: null, coih: null } },
      receipt: null,
    },
    remedy: {
      text: 'free some space, then the same line',
      onScreen: /free some space; then run the same line again/,
      follow: async ({ mac, raise }) => {
        rmdirSync(join(mac.kit, 'receipt.new'));
        await raise();
      },
    },
    finally: 'raised',
  },
  fullWhileCopying(),
];
