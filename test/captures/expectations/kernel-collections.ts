/** kmutil, installed KDKs, and the public catalogue of KDKs. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { readKdks } from '../../../apps/agent/src/facts/kdks.ts';
import {
  bundlesToLink,
  kmutilInspectArgs,
  parseInspect,
  parseShowLoaded,
} from '../../../apps/agent/src/macos/kmutil.ts';
import {
  kmutilCreateArgs,
  kmutilCreateFailure,
  kmutilOutputNames,
} from '../../../apps/agent/src/macos/kmutil-create.ts';
import { parsePlistDict, stringAt } from '../../../apps/agent/src/macos/plist.ts';
import { linesOf } from '../../../apps/agent/src/macos/text.ts';
import { parseKernelVersion } from '../../../apps/agent/src/macos/uname.ts';
import { type Capture, type Expectation, type Expectations, runOf } from '../capture.ts';
import { nobodys } from '../expect.ts';

const failure = (code: string | null): Expectation => ({
  read: (capture) => kmutilCreateFailure(runOf(capture)),
  says: code,
});

const CREATE = kmutilCreateArgs({ bootPath: 'out.kc', kdk: '/K.kdk', variant: 'T6020', bundles: ['com.apple.a'] });

/** Flags of ours that the manual does not list. */
const unlisted = (text: string, args: readonly string[]): readonly string[] => {
  const flags = text.split(/\s+/);
  return args.filter((arg) => arg.startsWith('-') && !flags.includes(arg));
};

const KMUTIL: Expectations = {
  'kmutil/configure-boot-err-not-admin.stderr.txt': nobodys,
  'kmutil/configure-boot-err-pairing.stderr.txt': nobodys,
  'kmutil/configure-boot-from-macos.stderr.txt': nobodys,
  'kmutil/configure-boot-prompts.txt': nobodys,
  'kmutil/create-err-dependency-amd.stderr.txt': failure('KC_DEPENDENCY'),
  'kmutil/create-err-dependency.stderr.txt': failure('KC_DEPENDENCY'),
  'kmutil/create-err-invalid-kernel-path.stderr.txt': failure('KC_WRONG_VARIANT'),
  'kmutil/create-err-linking.stderr.txt': failure('KC_LINKING'),
  'kmutil/create-err-missing-kdk-34.stderr.txt': failure('KC_MISSING_KDK'),
  'kmutil/create-err-read-only.stderr.txt': failure('KC_READ_ONLY'),
  'kmutil/create-success-tail.txt': failure(null),
  'kmutil/flags-configure-boot.txt': {
    read: ({ text }) => {
      const script = readFileSync(new URL('../../../apps/agent/kit/raise', import.meta.url), 'utf8');
      const used = /^ *kmutil configure-boot (.*)$/m.exec(script)?.[1]?.split(' ') ?? ['no call'];
      return [used.filter((word) => word.startsWith('-')), unlisted(text, used)];
    },
    says: [['-v', '-c'], []],
  },
  'kmutil/flags-create.txt': {
    read: ({ text }) => [unlisted(text, CREATE), CREATE.includes('--allow-missing-kdk')],
    says: [[], false],
  },
  'kmutil/inspect-no-header-26.6.txt': {
    read: ({ output }) => {
      const bundles = parseInspect(output);
      if (!bundles.ok) return bundles;
      return [
        bundlesToLink(bundles.value, ['com.apple.plugin.IOAVBControlPlugin']),
        bundles.value[0],
        kmutilInspectArgs()[0],
      ];
    },
    says: [
      ['com.apple.driver.AppleFileSystemDriver', 'com.apple.driver.AppleCS42L84Audio'],
      {
        id: 'com.apple.driver.AppleFileSystemDriver',
        version: '3.0.1',
        path: '/Library/Developer/KDKs/KDK_26.6_25G70.kdk/System/Library/Extensions/AppleFileSystemDriver.kext',
      },
      'inspect',
    ],
  },
  'kmutil/installed-object-path.txt': nobodys,
  'kmutil/kc-output-names.txt': {
    read: ({ text }) => kmutilOutputNames('VirtualMachine.kc').filter((name) => linesOf(text).includes(name)),
    says: ['VirtualMachine.kc.development'],
  },
  'kmutil/load-err-missing-bkc-71.stderr.txt': failure('KC_CREATE_FAILED'),
  'kmutil/no-variant.stderr.txt': failure(null),
  'kmutil/showloaded-11.5.txt': {
    read: ({ output }) => {
      const loaded = parseShowLoaded(output);
      return loaded.ok ? [loaded.value.length, loaded.value[3]] : loaded;
    },
    says: [5, { id: 'com.apple.kpi.kasan', version: '20.5.0', uuid: '52A1E876-863E-38E3-AC80-09BBAB13B752' }],
  },
};

/** Lays out KDKs in a Mac of its own, reads them as facts, and clears up. */
async function kdksOf(layOut: (kdks: string) => void): Promise<unknown> {
  const sysroot = mkdtempSync(join(tmpdir(), 'headroom-kdks-'));
  try {
    const kdks = join(sysroot, 'Library/Developer/KDKs');
    mkdirSync(kdks, { recursive: true });
    layOut(kdks);
    const found = await readKdks({ sysroot });
    return found.ok ? found.value : found;
  } finally {
    rmSync(sysroot, { recursive: true });
  }
}

/** A folder with KDKs of these names, all husks. */
const husks = (...says: readonly (readonly [version: string, build: string])[]): Expectation => ({
  read: ({ text }) =>
    kdksOf((kdks) => {
      for (const name of linesOf(text).filter(Boolean)) mkdirSync(join(kdks, name));
    }),
  says: says.map(([version, build]) => ({
    version,
    build,
    complete: false,
    variants: [],
    reason: 'it holds no development kernel for Apple silicon',
  })),
});

/** A whole KDK with the kernel files of the capture, whose name says version and build. */
const kernels = (...variants: readonly string[]): Expectation => ({
  read: (capture) => kdksOf((kdks) => layOutKdk(kdks, capture)),
  says: [{ version: '1.0', build: '24B82', complete: true, variants, reason: null }],
});

function layOutKdk(kdks: string, { text }: Capture): void {
  const kdk = join(kdks, 'KDK_1.0_24B82.kdk/System/Library');
  mkdirSync(join(kdk, 'Kernels'), { recursive: true });
  mkdirSync(join(kdk, 'CoreServices'), { recursive: true });
  for (const name of linesOf(text).filter(Boolean)) writeFileSync(join(kdk, 'Kernels', basename(name)), 'kernel');
  writeFileSync(
    join(kdk, 'CoreServices/SystemVersion.plist'),
    '<plist version="1.0"><dict><key>ProductBuildVersion</key><string>24B82</string></dict></plist>',
  );
}

const KDK: Expectations = {
  'kdk/dmg-content.txt': nobodys,
  'kdk/dmg-names.txt': nobodys,
  'kdk/kdks-dir-missing.stderr.txt': {
    read: () => kdksOf((kdks) => rmSync(kdks, { recursive: true })),
    says: [],
  },
  'kdk/kdks-dir-old.txt': husks(['11.5.2', '20G95'], ['12.3.1', '21E258'], ['12.4', '21F79']),
  'kdk/kdks-dir-one.txt': husks(['14.0', '23A5301h']),
  'kdk/kernels-13.0-22A5266r.txt': kernels('T6000', 'T8103', 'T8112', 'VMAPPLE'),
  'kdk/kernels-13.6.2-22G320.txt': kernels('T6000', 'T6020'),
  'kdk/kernels-14.0-23A5301h.txt': kernels('T6000', 'T6020', 'T8103', 'T8112', 'VMAPPLE'),
  'kdk/kernels-14.1.1-23B2082.txt': kernels('T6030', 'T6031', 'T8122'),
  'kdk/kernels-15.1-24B5055e.txt': kernels('T6000', 'T6020', 'T6030', 'T6031', 'T8103', 'T8112', 'T8122', 'VMAPPLE'),
  'kdk/kernels-15.1-24B82.txt': kernels('T6000', 'T6020', 'T6030', 'T6031', 'T8103', 'T8112', 'T8122', 'VMAPPLE'),
  'kdk/kernels-26.0-25A5279m-partial.txt': kernels('T6041'),
  'kdk/kernels-26.2-25C56-partial.txt': kernels('T8142'),
  'kdk/kernels-26.5-25F71-partial.txt': kernels('T8132'),
  'kdk/systemversion-14.0-23A5301h.plist': {
    read: ({ text }) => {
      const plist = parsePlistDict(text);
      return plist.ok ? stringAt(plist.value, 'ProductBuildVersion') : plist;
    },
    says: '23A5301h',
  },
};

/** Kernel version texts of the catalogue that do not tell the variant and config that their file name says. */
const mismatches: Expectation = {
  read: ({ text }) => {
    const entries = JSON.parse(text) as readonly { readonly kernel_versions: Readonly<Record<string, string>> }[];
    const rows = entries.flatMap(({ kernel_versions }) => Object.entries(kernel_versions));
    return [rows.length > 20, rows.filter(([file, version]) => nameOf(version) !== file)];
  },
  says: [true, []],
};

function nameOf(versionText: string): string {
  const version = parseKernelVersion(versionText);
  if (version === null) return 'not parsed';
  const arm = version.appleSilicon ? `.${version.variant.toLowerCase()}` : '';
  return version.config === 'release' && arm === '' ? 'kernel' : `kernel.${version.config}${arm}`;
}

const CATALOGUE: Expectations = {
  'kdk-catalog/slice-common.json': mismatches,
  'kdk-catalog/slice-forks.json': mismatches,
};

export const KERNEL_COLLECTIONS: Expectations = { ...KMUTIL, ...KDK, ...CATALOGUE };
