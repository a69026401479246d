/** The three steps of raise: refusals, stuck policies, arguments, and power that fails at each question. */
import { cutPower, restartMac } from '@headroom/mac-sim';
import { change, faults, headroomStoresBootArgs, nextVisit } from './acts.ts';
import { neededArguments } from './needed-args.ts';
import { powerInRaise } from './power.ts';
import { atPrompt, person, type Scenario, type ScenarioGroup, typing } from './scenario.ts';
import { unproven } from './unproven.ts';

const LOWERED = { policy: { sip0: '7f', sip3: true, coih: null } } as const;
const RESTART = 'Restart now\\? \\[y/n\\]: $';

/** Where power can fail: the question that is open, and what the boot policy holds then. */
const POWER_CUTS: readonly [question: string, when: string, receipt: string | null, state: object][] = [
  ['Go on?', 'Go on\\? \\[y/n\\]: $', null, { policy: { sip0: null } }],
  ['csrutil asks y or n', 'for OS [^\\n]*\\[y/n\\]: $', 'started', { policy: { sip0: null } }],
  ['csrutil asks the password', 'Enter password for user [^\\n]*: $', 'started', { policy: { sip0: null } }],
  ['csrutil is done, kmutil asks y or n', '\\(enter y or n\\)\\s*$', 'csrutil-done', LOWERED],
  ['kmutil asks the name', 'Username: $', 'csrutil-done', LOWERED],
  ['kmutil asks the password', 'Password: $', 'csrutil-done', LOWERED],
  ['all is done, Restart now?', RESTART, 'done', { power: 'off', policy: { sip0: '7f' } }],
];

const scenarios: readonly Scenario[] = [
  {
    name: 'pairing (17), stuck',
    happens: 'configure-boot ends with pairing (17) in the right recoveryOS: the policy itself is stuck.',
    prepare: faults({ pairingStuck: true }),
    visit: ({ raise }) => raise(),
    ends: { says: /pairing \(17\)[\s\S]*Stopped at: configure-boot/, state: LOWERED, receipt: 'failed:configure-boot' },
    remedy: {
      text: '`bputil -f -v GROUP`, then the same line; the group is on the screen',
      onScreen: /type (bputil -f -v [0-9A-F-]+)\n/,
      follow: ({ mac, raise }, [, line = '']) => raise(typing(line, mac.line)),
    },
    finally: 'raised',
    inTests: true,
    inMoreShells: true,
  },
  {
    name: 'Invalid Mach-O boot properties',
    happens: 'configure-boot refuses the file because the system is not the default startup disk.',
    prepare: faults({ invalidBootProperties: true }),
    visit: ({ raise }) => raise(),
    ends: { says: /Invalid Mach-O boot properties/, state: LOWERED, receipt: 'failed:configure-boot' },
    remedy: {
      text: 'choose the system in Startup Disk, come back, the same line',
      onScreen: /Invalid Mach-O boot properties +the system is not the default startup disk: choose it in Startup Disk/,
      follow: async (visitor) => {
        faults({})(visitor);
        await visitor.raise();
      },
    },
    finally: 'raised',
  },
  {
    name: 'csrutil says done, and is not',
    happens: 'csrutil disable ends with status 0 and the words of success, but the boot policy is as before.',
    prepare: faults({ csrutilIgnored: true }),
    visit: ({ raise }) => raise(),
    ends: {
      says: /Protection is off\.[\s\S]*Stopped at: csrutil/,
      state: { policy: { sip0: null } },
      receipt: 'failed:csrutil',
    },
    remedy: {
      text: '`csrutil clear`, then the same line',
      onScreen: /but the policy says no: type (csrutil clear), then run this again/,
      follow: ({ mac, raise }, [, line = '']) => raise(typing(line, mac.line)),
    },
    finally: 'raised',
    inTests: true,
    inMoreShells: true,
  },
  {
    name: 'csrutil leaves the filter on',
    happens: 'csrutil disable turns SIP off but not the filter of boot arguments; raise repairs it with bputil -a.',
    prepare: faults({ csrutilKeepsFiltering: true }),
    visit: ({ raise }) => raise(),
    ends: { says: /bputil -a lifts it/, receipt: 'done' },
    remedy: { text: 'none: raise does it and asks for name and password once more' },
    finally: 'raised',
  },
  {
    name: 'nvram refused in its long form',
    happens: 'The form with the namespace is refused, the bare one is not.',
    prepare: change(({ behaviour }) => {
      Object.assign(behaviour, { nvramGuidFormInRecovery: false, nvramBareFormInRecovery: true });
    }),
    visit: ({ raise }) => raise(),
    ends: { says: /boot arguments: stored/, receipt: 'done' },
    remedy: { text: 'none: both forms are tried' },
    finally: 'raised',
  },
  {
    name: 'nvram refused in its bare form',
    happens:
      'The person tries the bare form by hand; in the session of csrutil it is refused, and the long one was not.',
    visit: ({ mac, raise }) =>
      raise(person({ when: RESTART, type: 'n' }, atPrompt(`nvram boot-args="${mac.bootArgs}"`), atPrompt('reboot'))),
    ends: {
      says: /boot arguments: stored[\s\S]*setting variable - 'boot-args': \(iokit\/common\) not permitted/,
      receipt: 'done',
    },
    remedy: { text: 'none: the line has stored them in the long form' },
    finally: 'raised',
  },
  {
    name: 'nvram refused in both forms',
    happens: 'recoveryOS stores no boot arguments at all, so the new kernel starts without them.',
    prepare: change(({ behaviour }) => {
      behaviour.nvramGuidFormInRecovery = false;
    }),
    visit: ({ raise }) => raise(),
    ends: { says: /refused here/, receipt: 'done', observed: 'quota_missing' },
    remedy: {
      text: 'Headroom stores them in macOS and asks for one more restart',
      onScreen: /Headroom stores them after this restart and asks for one more/,
      follow: headroomStoresBootArgs,
    },
    finally: 'raised',
    inTests: true,
  },
  ...neededArguments,
  {
    name: 'power fails before nvram is saved',
    happens: 'The arguments were accepted but only buffered when the power failed.',
    prepare: faults({ nvramSaveIgnored: true }),
    visit: ({ raise }) => raise(person({ when: RESTART, powerCut: true })),
    ends: { says: /boot arguments: stored/, state: { nvram: { stored: {}, unflushed: {} } }, receipt: 'done' },
    remedy: {
      text: 'run sheet: start the Mac; Headroom finds the arguments missing, stores them and asks for a restart',
      follow: async (visitor) => {
        restartMac(visitor.mac.dir);
        await headroomStoresBootArgs(visitor);
      },
    },
    finally: 'raised',
  },
  ...POWER_CUTS.map(
    ([question, when, receipt, state]): Scenario => ({
      name: `power fails: ${question}`,
      happens: 'The plug is pulled while this question is open.',
      visit: ({ raise }) => raise(person({ when, powerCut: true, times: 1 })),
      ends: { state: { power: 'off', ...state }, receipt },
      remedy: {
        text: 'run sheet: back by the button, the same line; done steps are left out',
        follow: async ({ mac, raise }) => {
          cutPower(mac.dir);
          await raise();
        },
      },
      finally: 'raised',
    }),
  ),
  ...powerInRaise,
  ...unproven,
  {
    name: 'second raise after a rebuild',
    happens: 'Headroom built another kernel collection; the installed one is not it.',
    raised: true,
    prepare: async (visitor) => {
      const { coih } = visitor.mac.state().policy;
      await visitor.mac.placeKit({ bundleVersion: '2.0.0' }, { visit: 'rebuilt', 'proven-coih': 'AB'.repeat(48) });
      change(({ policy }) => {
        policy.coih = coih;
      })(visitor);
    },
    visit: ({ raise }) => raise(),
    ends: { says: /csrutil disable: already done/, receipt: 'done' },
    remedy: { text: 'none: only configure-boot is done again' },
    finally: 'raised',
  },
  {
    name: 'second visit for the same kernel',
    happens: 'The kernel of the kit is installed and has booted; a new visit finds nothing to do but the restart.',
    raised: true,
    prepare: (visitor) => nextVisit(visitor, 'proven'),
    visit: ({ raise }) => raise(),
    ends: { says: /already done for this very kernel collection/, receipt: 'done' },
    remedy: { text: 'none' },
    finally: 'raised',
  },
];

export const steps: ScenarioGroup = { title: 'Steps', scenarios };
