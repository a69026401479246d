/** Getting in: recovery, accounts, and the first questions. */

import { change, faults, headroomStoresBootArgs, mended } from './acts.ts';
import { recoveryLock } from './recovery-lock.ts';
import { atPrompt, person, type Scenario, type ScenarioGroup, typing } from './scenario.ts';

const UNTOUCHED = { policy: { smb0: false, sip0: null, coih: null } } as const;
const LOWERED = { policy: { sip0: '7f', sip3: true, coih: null } } as const;
const AGAIN = /run the same line again/;
const CSRUTIL_PASSWORD = 'Enter password for user [^\\n]*: $';
const ALL_THE_SAME = 'Go on all the same\\? \\[y/n\\]: $';
const raiseAgain: Scenario['remedy']['follow'] = ({ raise }) => raise();

const scenarios: readonly Scenario[] = [
  {
    name: 'nothing goes wrong',
    happens: 'The person types the line, says y and signs in.',
    visit: ({ raise }) => raise(),
    ends: { receipt: 'done', observed: 'quota_in_force' },
    remedy: { text: 'none is needed' },
    finally: 'raised',
    inTests: true,
    inMoreShells: true,
  },
  {
    name: 'double-press recovery',
    happens: 'The power button is pressed twice instead of held: the fallback recoveryOS is not paired.',
    visit: ({ raise }) => raise({ paired: false }),
    ends: { says: /Stopped at: environment/, state: UNTOUCHED, receipt: null },
    remedy: {
      text: 'shut down, wait until it is off, hold the button in one motion',
      onScreen: /hold the power button in ONE motion/,
      follow: async ({ raise }) => {
        await raise({ line: 'shutdown -h now' });
        await raise();
      },
    },
    finally: 'raised',
    inTests: true,
    inMoreShells: true,
  },
  ...recoveryLock,
  {
    name: 'admin not listed',
    happens: 'The list of admins that recoveryOS keeps is stale.',
    prepare: change(({ behaviour }) => {
      behaviour.recoveryUsersStale = true;
    }),
    visit: ({ raise }) => raise(),
    ends: { says: /not a valid admin user for the volume/, state: LOWERED, receipt: 'failed:configure-boot' },
    remedy: {
      text: '`diskutil apfs updatePreboot /` in macOS, then the same line',
      onScreen: /in macOS type (diskutil apfs updatePreboot \/) and come back/,
      follow: async (visitor) => {
        await visitor.raise({ line: 'reboot' });
        // diskutil apfs updatePreboot writes the list anew.
        change(({ behaviour }) => {
          behaviour.recoveryUsersStale = false;
        })(visitor);
        await visitor.raise();
      },
    },
    finally: 'raised',
  },
  {
    name: 'password rotated',
    happens: 'The password of the run sheet is no longer the one of the account.',
    visit: ({ raise }) => raise(person({ when: CSRUTIL_PASSWORD, type: 'the-one-of-last-week', secret: true })),
    ends: { says: /Unable to set credentials/, state: UNTOUCHED, receipt: 'failed:csrutil' },
    remedy: {
      text: 'fetch the present password, run the same line again',
      onScreen: /wrong password: run it again/,
      follow: raiseAgain,
    },
    finally: 'raised',
    inMoreShells: true,
  },
  {
    name: 'wrong password three times',
    happens: 'The person mistypes the password three times and runs the line again each time, in one session.',
    visit: ({ mac, raise }) =>
      raise(person({ when: CSRUTIL_PASSWORD, type: 'mistyped', secret: true, times: 3 }, atPrompt(mac.line, 3))),
    ends: { says: AGAIN, receipt: 'done' },
    remedy: { text: 'run the same line again, as the screen says', onScreen: AGAIN },
    finally: 'raised',
  },
  {
    name: 'a prompt is answered ahead',
    happens: 'Keys typed before csrutil asks become its answer and its password.',
    visit: ({ raise }) => raise(person({ when: 'for OS [^\\n]*\\[y/n\\]: $', type: 'y\rx', times: 1 })),
    ends: { says: /wait for each question[\s\S]*Unable to set credentials/, receipt: 'failed:csrutil' },
    remedy: {
      text: 'run the same line again and wait for each question',
      onScreen: /a key typed ahead became the answer: run it again|run the same line again/,
      follow: raiseAgain,
    },
    finally: 'raised',
  },
  {
    name: 'csrutil answered n',
    happens: 'The person answers n to csrutil, which ends with status 0 all the same.',
    visit: ({ raise }) => raise(person({ when: 'for OS [^\\n]*\\[y/n\\]: $', type: 'n' })),
    ends: { says: /Stopped at: csrutil/, state: UNTOUCHED, receipt: 'failed:csrutil' },
    remedy: { text: 'run the same line again, answer y', onScreen: /the question was answered n/, follow: raiseAgain },
    finally: 'raised',
    inTests: true,
  },
  {
    name: 'configure-boot answered n',
    happens: 'The person answers n when kmutil asks whether they are sure.',
    visit: ({ raise }) => raise(person({ when: '\\(enter y or n\\)\\s*$', type: 'n' })),
    ends: { says: /Stopped at: configure-boot/, state: LOWERED, receipt: 'failed:configure-boot' },
    remedy: { text: 'run the same line again, answer y', onScreen: AGAIN, follow: raiseAgain },
    finally: 'raised',
  },
  {
    name: 'empty user name',
    happens: 'Return is pressed when kmutil asks for the user name.',
    visit: ({ raise }) => raise(person({ when: 'Username: $', type: '' })),
    ends: { says: /not a valid admin user/, state: LOWERED, receipt: 'failed:configure-boot' },
    remedy: {
      text: 'run the same line again, give the name of the run sheet',
      onScreen: /the name was empty or is no owner here: use the name of the run sheet/,
      follow: raiseAgain,
    },
    finally: 'raised',
  },
  {
    name: 'wrong code',
    happens: 'The code of another visit is typed.',
    visit: ({ raise }) => raise({ line: 'sh /Volumes/*/Library/Headroom/raise 7Q2MZ4K0TX' }),
    ends: { says: /is not the code of this Mac, kernel and visit/, state: UNTOUCHED, receipt: null },
    remedy: {
      text: 'compare host and code, type them again',
      onScreen: /type the 10 characters again/,
      follow: raiseAgain,
    },
    finally: 'raised',
  },
  {
    name: 'wrong clock',
    happens: 'By the clock of recoveryOS the consent has ended; that clock proves nothing, so raise asks.',
    prepare: ({ mac }) => mac.placeKit({}, { expires: '2001-01-01T00:00:00.000Z' }),
    visit: ({ raise }) => raise(person({ when: ALL_THE_SAME, type: '' })),
    ends: { says: /by the clock of this Mac the consent ended/, state: UNTOUCHED, receipt: null },
    remedy: {
      text: 'ask the admin whether that clock is right; the same line again, answer y when it is not',
      onScreen: /ask the admin whether that is so[\s\S]*Go on all the same\?/,
      follow: raiseAgain,
    },
    finally: 'raised',
  },
  {
    name: 'other default startup disk',
    happens: 'Another system is the default startup disk, so the recoveryOS of the button is not ours.',
    prepare: change(({ volumes }) => {
      volumes.startupDefault = false;
    }),
    visit: ({ raise }) => raise(),
    ends: { says: /not paired with the system of the kit/, state: UNTOUCHED, receipt: null },
    remedy: {
      text: 'choose the system in Startup Disk, come back by the button',
      onScreen: /choose it in Startup Disk first/,
      follow: async (visitor) => {
        change(({ volumes }) => {
          volumes.startupDefault = true;
        })(visitor);
        await visitor.raise();
      },
    },
    finally: 'raised',
  },
  {
    name: 'clone',
    happens: 'The system is a copied volume group: no recoveryOS is ever paired with it.',
    prepare: faults({ neverPaired: true }),
    visit: ({ raise }) => raise(),
    ends: { says: /Stopped at: environment[\s\S]*a clone/, state: UNTOUCHED, receipt: null },
    remedy: {
      text: 'install macOS on it for real, then visit again',
      onScreen: /it needs a real install of macOS/,
      follow: async (visitor) => {
        mended(visitor);
        await visitor.raise();
      },
    },
    finally: 'raised',
  },
  {
    name: 'the person leaves with exit',
    happens: 'Everything is done, but the person types exit instead of reboot and has a dead window.',
    visit: ({ raise }) => raise(person({ when: 'Restart now\\? \\[y/n\\]: $', type: 'n' }, atPrompt('exit'))),
    ends: { state: { power: 'recovery' }, receipt: 'done' },
    remedy: {
      text: 'hold the power button until it is off, start the Mac',
      onScreen: /hold the power button until the Mac is off, and start it/,
      follow: ({ raise }) => raise({ line: 'reboot' }),
    },
    finally: 'raised',
  },
  {
    name: 'a tool is missing',
    happens: 'This release of recoveryOS has no kmutil.',
    visit: ({ raise }) => raise({ lacking: ['kmutil'] }),
    ends: { says: /this recoveryOS lacks: kmutil/, state: UNTOUCHED, receipt: null },
    remedy: {
      text: 'leave with reboot, tell the admin; visit again under a recoveryOS that has it',
      onScreen: /tell the admin; type (reboot) to leave/,
      follow: async ({ raise }, [, line = '']) => {
        await raise({ line, lacking: ['kmutil'] });
        await raise();
      },
    },
    finally: 'raised',
  },
  {
    name: 'tools that few need are missing',
    happens:
      'This release of recoveryOS has neither sync nor tr nor date, so it cannot tell whether the consent has ended.',
    mac: { version: '26.0', build: '25A354' },
    visit: ({ raise }) => raise(),
    ends: { says: /this recoveryOS tells no time: perhaps the consent ended/, receipt: 'done' },
    remedy: {
      text: 'raise asks about the consent and does without the tools; Headroom stores the boot arguments, which this release refuses',
      onScreen: /Go on all the same\?[\s\S]*Headroom stores them after this restart/,
      follow: headroomStoresBootArgs,
    },
    finally: 'raised',
    inMoreShells: true,
  },
  {
    name: 'run twice',
    happens: 'The line is typed again when all is done.',
    visit: ({ mac, raise }) =>
      raise({
        ...typing(mac.line),
        ...person({ when: 'Restart now\\? \\[y/n\\]: $', type: 'n', times: 1 }, atPrompt(mac.line)),
      }),
    ends: { says: /csrutil disable: already done[\s\S]*already done for this very kernel/, receipt: 'done' },
    remedy: { text: 'none: done steps are left out' },
    finally: 'raised',
  },
];

export const entry: ScenarioGroup = { title: 'Entry', scenarios };
