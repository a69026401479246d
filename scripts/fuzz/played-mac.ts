/**
 * A raised Mac made of captures, for the facts as a whole: what each call of a tool gives, and the files that facts are read from. An
 * input says what of it is another this time; the rest is as on the raised Mac.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FIXTURES } from '../../test/captures/capture.ts';
import { GROUP, raisedMac, SESSION } from '../../test/captures/stub/stub-mac.ts';
import type { Played } from './played-child.ts';

export const BUILD = '24B82';
export const QUOTA = 255;
const HOME = '/var/db/headroom';
const KDK = `/Library/Developer/KDKs/KDK_15.1_${BUILD}.kdk/System/Library`;
const OTHER_BUILD = '24B83';

/** How a call ends: as `ChildEnd` of the agent says, or not started at all. */
export type Ending = Played;

/** What is another than on the raised Mac. Calls are named `/usr/sbin/sysctl`, with the arguments where a tool is asked several things. */
export interface World {
  readonly calls: Readonly<Record<string, Ending>>;
  /** Path -> content. */
  readonly files: Readonly<Record<string, string>>;
}

const ended = (stdout: string, stderr = '', exitCode = 0): Ending => ({
  ...{ exitCode, signal: null, stdout, stderr, cause: null },
});

/** One piece of the evidence, or what it rests on, taken from the raised Mac. */
export const LACKING: Readonly<Record<string, (text: (call: string) => string) => World['calls']>> = {
  nothing: () => ({}),
  'the kernel collection': (text) =>
    replaced(text, '/usr/sbin/sysctl', /kern\.filesetuuid: .*/, `kern.filesetuuid: ${GROUP}`),
  'a development kernel': (text) => ({
    ...replaced(text, '/usr/sbin/sysctl', 'osbuildconfig: development', 'osbuildconfig: release'),
    ...replaced(text, '/usr/bin/uname -v', 'DEVELOPMENT_ARM64', 'RELEASE_ARM64'),
  }),
  'the quota': (text) => replaced(text, '/usr/sbin/sysctl', 'quota=0xFF', 'quota=0x3'),
  'the hypervisor argument': (text) => replaced(text, '/usr/sbin/sysctl', ' hypervisor=0x1', ''),
  'the custom kernel': (text) => replaced(text, bputil, /(coih\): +)[0-9A-Fa-f]{96}/, '$1absent'),
  'filtering off': (text) => ({
    ...replaced(text, bputil, /(sip3\): +)1/, '$1absent'),
    ...replaced(text, bridge, /(Boot Arguments Filtering: )Disabled/, '$1Enabled'),
  }),
  'the build': (text) => ({
    ...replaced(text, '/usr/bin/sw_vers', BUILD, OTHER_BUILD),
    ...replaced(text, '/usr/sbin/sysctl', `osversion: ${BUILD}`, `osversion: ${OTHER_BUILD}`),
  }),
};

const bputil = `/usr/bin/bputil -d -v ${GROUP}`;
const bridge = '/usr/sbin/system_profiler SPiBridgeDataType -json';

/** Where the evidence of a raise comes from: one of these alone is spoilt in half of the worlds, so that all else still says raised. */
export const ESSENTIAL_CALLS = ['/usr/sbin/sysctl', '/usr/bin/uname -v', '/usr/bin/sw_vers', bputil, bridge];

function replaced(text: (call: string) => string, call: string, from: string | RegExp, to: string): World['calls'] {
  const before = text(call);
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${call}: ${from} does not stand in it`);
  return { [call]: ended(after) };
}

export class PlayedMac {
  readonly sysroot: string;
  /** Call -> how it ends on the raised Mac. */
  readonly calls: ReadonlyMap<string, Ending>;
  readonly files: ReadonlyMap<string, Buffer>;
  private readonly spoilt = new Set<string>();
  private readonly stub;

  constructor(
    readonly kcUuid: string,
    collection: Buffer,
    kcMd5: string,
  ) {
    this.stub = raisedMac(kcUuid);
    this.sysroot = this.stub.sysroot;
    this.calls = new Map(
      [...this.stub.answers].flatMap(([path, answers]) =>
        Object.entries(answers).map(
          ([args, answer]) => [args === '*' ? path : `${path} ${args}`, endingOf(answer)] as const,
        ),
      ),
    );
    const texts = Object.entries(filesOf(kcMd5)).map(([path, text]) => [path, Buffer.from(text)] as const);
    this.files = new Map([
      ...texts,
      [`${HOME}/kc/${BUILD}-T6020.kc`, collection],
      ['/Library/Headroom/KernelCollection.kc', collection],
    ]);
    for (const [path, bytes] of this.files) this.stub.file(path, bytes);
  }

  remove(): void {
    rmSync(this.sysroot, { recursive: true, force: true });
  }

  /** What a call prints on the raised Mac. */
  text(call: string): string {
    const ending = this.calls.get(call);
    if (ending === undefined || 'startError' in ending) throw new Error(`${call} is no call of this Mac`);
    return ending.stdout;
  }

  /** The name of a call in the table: the tool alone where it is always asked the same. */
  nameOf(file: string, args: readonly string[]): string {
    const tool = file.slice(this.sysroot.length);
    const whole = `${tool} ${args.join(' ')}`;
    return this.calls.has(whole) ? whole : tool;
  }

  /** Puts the files of this world in place, and those of the one before back. */
  place({ files }: World): void {
    for (const path of this.spoilt)
      if (!(path in files)) writeFileSync(join(this.sysroot, path), this.files.get(path) ?? '');
    this.spoilt.clear();
    for (const [path, text] of Object.entries(files)) {
      writeFileSync(join(this.sysroot, path), Buffer.from(text, 'latin1'));
      this.spoilt.add(path);
    }
  }
}

function endingOf(answer: string): Ending {
  const text = answer.startsWith('=') ? answer.slice(1) : readFileSync(join(FIXTURES, answer), 'utf8');
  return answer.endsWith('.stderr.txt') ? ended('', text, 1) : ended(text);
}

const plist = (entries: Readonly<Record<string, string>>): string =>
  `<?xml version="1.0"?><plist version="1.0"><dict>${Object.entries(entries)
    .map(([key, value]) => `<key>${key}</key>${value}`)
    .join('')}</dict></plist>\n`;
const lines = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');

function filesOf(kcMd5: string): Readonly<Record<string, string>> {
  const kit = {
    'headroom-manifest': '1',
    visit: 'V1',
    quota: '255',
    'kc-file': 'KernelCollection.kc',
    'kc-md5': kcMd5,
    'agent-version': '0.1.0',
  };
  const done = { 'step-csrutil': '0', 'step-configure-boot': '0', coih: 'absent', outcome: 'done' };
  const receipt = { 'headroom-receipt': '1', visit: 'V1', nonce: 'abc', at: '2026-01-02T03:04:05Z', ...done };
  const preboot = `/System/Volumes/Preboot/${GROUP}`;
  return {
    [`${HOME}/kc/${BUILD}-T6020.kc.json`]: `{"build":"${BUILD}","variant":"T6020"}`,
    [`${HOME}/installed-kdks.json`]: `{"builds":["${BUILD}"]}`,
    [`${HOME}/witness.json`]: JSON.stringify({
      macosGuests: 3,
      source: 'probe',
      at: '2026-01-02',
      bootSession: SESSION,
    }),
    '/Library/Headroom/manifest': lines({ ...kit, build: BUILD, variant: 'T6020' }),
    '/Library/Headroom/receipt': lines(receipt),
    [`${KDK}/CoreServices/SystemVersion.plist`]: plist({ ProductBuildVersion: `<string>${BUILD}</string>` }),
    [`${KDK}/Kernels/kernel.development.t6020`]: 'kernel',
    [`${preboot}/cryptex1/proposed/SystemVersion.plist`]: plist({ ProductBuildVersion: '<string>24C101</string>' }),
    '/Library/Preferences/com.apple.SoftwareUpdate.plist': plist({ AutomaticallyInstallMacOSUpdates: '<false/>' }),
    '/Library/Managed Preferences/com.apple.applicationaccess.plist': plist({
      forceDelayedSoftwareUpdates: '<true/>',
      enforcedSoftwareUpdateDelay: '<integer>90</integer>',
    }),
    '/private/var/db/softwareupdate/SoftwareUpdateDDMStatePersistence.plist': plist({
      SUCorePersistedStatePolicyFields: '<dict></dict>',
    }),
    [`${preboot}/var/db/AdminUserRecoveryInfo.plist`]: plist({
      anna: '<dict><key>GeneratedUID</key><string>2457711A-523C-4604-B75A-F48A571D5036</string></dict>',
    }),
  };
}
