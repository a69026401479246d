/** A Mac on which MDM has set a Recovery Lock: its password is asked before anything else. */
import { bootMac } from '@headroom/mac-sim';
import { change } from './acts.ts';
import { person, type Scenario } from './scenario.ts';

const NOW = 'the-one-of-today';
const LAST_WEEK = 'the-one-of-last-week';
const ASKED = 'Recovery Lock password: $';
const ON_SHEET = {
  says: /Recovery Lock: set\. Its own password is asked before anything else; fetch it from the MDM now\. Refused: hold the power button until the Mac is off, start macOS, let the MDM reach it, fetch the present one\./,
  place: { recoveryLock: 'yes' },
} as const;

const locked = change((state) => {
  state.mdmEnrolled = true;
  state.recoveryLock = NOW;
});
const knowing = (password: string) => person({ when: ASKED, type: password, secret: true, times: 1 });

export const recoveryLock: readonly Scenario[] = [
  {
    name: 'Recovery Lock',
    happens: 'recoveryOS asks the Recovery Lock password first, then an owner signs in, then comes the Terminal.',
    prepare: locked,
    visit: ({ raise }) => raise(knowing(NOW)),
    ends: { says: /Recovery Lock[\s\S]*Select a user[\s\S]*Utilities > Terminal[\s\S]*Go on\?/, receipt: 'done' },
    remedy: { text: 'none: the run sheet says to fetch it from the MDM before the shutdown', onSheet: ON_SHEET },
    finally: 'raised',
    inTests: true,
    inMoreShells: true,
  },
  {
    name: 'Recovery Lock rotated',
    happens: 'MDM set another password meanwhile; the person has no Terminal and switches the Mac off.',
    prepare: locked,
    visit: ({ raise }) =>
      raise(
        person(
          { when: `Incorrect password[\\s\\S]*${ASKED}`, powerCut: true },
          { when: ASKED, type: LAST_WEEK, secret: true },
        ),
      ),
    ends: {
      says: /Incorrect password\.\nRecovery Lock password: $/,
      state: { power: 'off', policy: { smb0: false, sip0: null, coih: null } },
      receipt: null,
    },
    remedy: {
      text: 'run sheet: off, start macOS so that the MDM reaches it, fetch the present password, come back',
      onSheet: ON_SHEET,
      follow: async ({ mac, raise }) => {
        bootMac(mac.dir);
        await raise(knowing(NOW));
      },
    },
    finally: 'raised',
  },
];
