/**
 * Named ways to break one piece of evidence on a Mac, each being something that really happens: a person, an update or a
 * clean-up tool did it. `reboot` says that the Mac restarts afterwards, so that the kernel sees it.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startMacos, stop } from './boot.ts';
import { systemFor } from './catalogue/systems.ts';
import { osState, stockPolicy } from './create.ts';
import { writeFileAtomic } from './files.ts';
import { readKernelCollection } from './kernel/index.ts';
import { simPaths } from './paths.ts';
import { dict, plist } from './render/plist.ts';
import { type OtherSystem, type SimState, type ToolFault, updateState } from './state.ts';
import { huskKdks } from './update.ts';

export interface Break {
  readonly what: string;
  readonly reboot: boolean;
  apply(dir: string, draft: SimState): void;
}

const OTHER_SYSTEM: OtherSystem = {
  name: 'Macintosh HD 2',
  systemUuid: '0A1B2C3D-0000-4000-A000-000000000001',
  group: '0A1B2C3D-0000-4000-A000-000000000002',
  dataUuid: '0A1B2C3D-0000-4000-A000-000000000003',
};
const QUOTA = 'hv_apple_isa_vm_quota';

export const BREAKS: Readonly<Record<string, Break>> = {
  'boot-args-cleared': {
    what: 'Somebody deleted the boot arguments (or reset NVRAM), and the Mac restarted.',
    reboot: true,
    apply: (_, draft) => changeBootArgs(draft, () => null),
  },
  'boot-args-cleared-later': {
    what: 'Somebody deleted the stored boot arguments; the running kernel still has them.',
    reboot: false,
    apply: (_, draft) => changeBootArgs(draft, () => null),
  },
  'quota-changed': {
    what: 'Another tool wrote a smaller quota, and the Mac restarted.',
    reboot: true,
    apply: (_, draft) =>
      changeBootArgs(draft, (words) => words.map((word) => (isKey(word, QUOTA) ? `${QUOTA}=0x4` : word))),
  },
  'quota-changed-later': {
    what: 'Another tool wrote a smaller quota; it takes effect at the next start.',
    reboot: false,
    apply: (_, draft) =>
      changeBootArgs(draft, (words) => words.map((word) => (isKey(word, QUOTA) ? `${QUOTA}=0x4` : word))),
  },
  'hypervisor-missing': {
    what: 'The hypervisor argument was dropped from the line, and the Mac restarted.',
    reboot: true,
    apply: (_, draft) => changeBootArgs(draft, (words) => words.filter((word) => !isKey(word, 'hypervisor'))),
  },
  'foreign-args': {
    what: 'Somebody added a debug argument to the stored line.',
    reboot: false,
    apply: (_, draft) => changeBootArgs(draft, (words) => [...words, 'debug=0x144']),
  },
  'foreign-kernel': {
    what: 'Somebody installed another kernel collection in recoveryOS.',
    reboot: true,
    apply: installForeignKernel,
  },
  'object-changed': {
    what: 'The boot policy names another kernel collection since; ours still runs, and the next start is the other one.',
    reboot: false,
    apply: installForeignKernel,
  },
  'object-purged': {
    what: 'The installed kernel object vanished from Preboot, and the Mac restarted: it stops at an error.',
    reboot: true,
    apply: (dir, draft) => rmSync(customObject(dir, draft).path, { force: true }),
  },
  'stock-kernel': {
    what: 'The boot policy lost the custom kernel; its security settings stayed.',
    reboot: true,
    apply: (_, draft) => {
      draft.policy.coih = null;
    },
  },
  'sip-enabled': {
    what: '`csrutil enable` in recoveryOS, answered n: SIP and boot-argument filtering are back, the kernel stays.',
    reboot: true,
    apply: (_, draft) => Object.assign(draft.policy, { sip0: null, sip2: false, sip3: false }),
  },
  'full-security': {
    what: '`csrutil enable` in recoveryOS, answered y: Full Security, stock kernel.',
    reboot: true,
    apply: (_, draft) => {
      draft.policy = stockPolicy(draft.id, systemFor(draft.os.version, draft.os.build));
    },
  },
  'fileset-unreadable': {
    what: 'This build does not tell kern.filesetuuid.',
    reboot: false,
    apply: (_, draft) => {
      draft.behaviour.filesetUuidReadable = false;
    },
  },
  'system-changed': {
    what: 'The installed system is another build than the running kernel was built for.',
    reboot: false,
    apply: (_, draft) => {
      const { version, build } = draft.os;
      draft.os = { ...osState(systemFor(version, nextBuild(build))), darwin: draft.os.darwin, xnu: draft.os.xnu };
    },
  },
  'startup-disk-changed': {
    what: 'Another system is the default startup volume: its recoveryOS is not paired with this one.',
    reboot: false,
    apply: (_, draft) => {
      draft.volumes.startupDefault = false;
      const volume = draft.nvram.stored['boot-volume'] ?? '';
      const [prefix = ''] = volume.split(':');
      draft.nvram.stored['boot-volume'] = [prefix, OTHER_SYSTEM.systemUuid, OTHER_SYSTEM.group].join(':');
    },
  },
  'second-system': {
    what: 'Another macOS was installed beside this one, in a volume group of its own; this one still starts by default.',
    reboot: false,
    apply: (_, draft) => {
      draft.volumes.otherSystems = [{ ...OTHER_SYSTEM }];
    },
  },
  'second-system-removed': {
    what: 'The macOS beside this one was removed.',
    reboot: false,
    apply: (_, draft) => {
      delete draft.volumes.otherSystems;
    },
  },
  'owner-gone': {
    what: 'No account owns the volume any more: nobody can lower the policy in recoveryOS.',
    reboot: false,
    apply: (_, draft) => {
      for (const account of draft.accounts) account.volumeOwner = false;
    },
  },
  'recovery-list-stale': {
    what: 'The list of admins in Preboot is older than the accounts: recoveryOS takes nobody for a valid admin.',
    reboot: false,
    apply: (dir, draft) => {
      draft.behaviour.recoveryUsersStale = true;
      const list = join(simPaths(dir).preboot, draft.volumes.group, 'var/db/AdminUserRecoveryInfo.plist');
      writeFileAtomic(list, plist(dict({})));
    },
  },
  'kc-purged': {
    what: 'A clean-up tool deleted the staged kernel collections; the installed object is not touched.',
    reboot: false,
    apply: (dir) => {
      removeContents(join(dir, 'private/var/db/headroom/kc'));
      rmSync(join(dir, 'Library/Headroom/KernelCollection.kc'), { force: true });
    },
  },
  'kdk-purged': {
    what: 'The files of the installed KDKs were deleted; the folders stay.',
    reboot: false,
    apply: (dir) => huskKdks(dir),
  },
  'bputil-fails': fault('usr/bin/bputil', 'fails'),
  'bputil-hangs': fault('usr/bin/bputil', 'hangs'),
  'nvram-fails': fault('usr/sbin/nvram', 'fails'),
  'sysctl-fails': fault('usr/sbin/sysctl', 'fails'),
  'system-profiler-missing': fault('usr/sbin/system_profiler', 'missing'),
  'tools-mended': {
    what: 'All tools work again.',
    reboot: false,
    apply: (_, draft) => {
      draft.behaviour.brokenTools = {};
      draft.behaviour.filesetUuidReadable = true;
    },
  },
};

/** Breaks one thing. Throws, with all as it was, when this Mac does not have what would be broken. */
export function breakMac(dir: string, name: string, now: Date = new Date()): SimState {
  const chosen = Object.hasOwn(BREAKS, name) ? BREAKS[name] : undefined;
  if (chosen === undefined) throw new Error(`${name}: no such break. Known: ${Object.keys(BREAKS).join(', ')}`);
  return updateState(dir, (draft) => {
    const wasRunning = draft.power === 'macos';
    chosen.apply(dir, draft);
    if (!chosen.reboot || !wasRunning) return;
    stop(draft, 'clean');
    startMacos(dir, draft, now);
  });
}

function fault(tool: string, kind: ToolFault): Break {
  return {
    what: `/${tool} ${kind === 'missing' ? 'is missing' : kind}.`,
    reboot: false,
    apply: (_, draft) => {
      draft.behaviour.brokenTools[tool] = kind;
    },
  };
}

/** Changes the stored line; null deletes the variable. Saved at once, as `nvram -s` does. */
function changeBootArgs(draft: SimState, change: (words: string[]) => readonly string[] | null): void {
  const words = (draft.nvram.stored['boot-args'] ?? '').split(/[ \t]+/).filter((word) => word !== '');
  const changed = change(words);
  delete draft.nvram.unflushed['boot-args'];
  if (changed === null) delete draft.nvram.stored['boot-args'];
  else draft.nvram.stored['boot-args'] = changed.join(' ');
}

function isKey(word: string, key: string): boolean {
  return word.startsWith(`${key}=`);
}

/** The installed kernel object; refuses a Mac that has none. */
function customObject(dir: string, draft: SimState): { readonly path: string } {
  const { coih, nsih } = draft.policy;
  if (coih === null) throw new Error(`${dir}: no custom kernel is installed, so there is none to break`);
  return { path: simPaths(dir).customKernel(draft.volumes.group, nsih, coih) };
}

/** The same kernel in a collection with another LC_UUID: only its identity tells it from ours. */
function installForeignKernel(dir: string, draft: SimState): void {
  const { path } = customObject(dir, draft);
  const bytes = readFileSync(path);
  const uuid = Buffer.from(readKernelCollection(path).uuid.replaceAll('-', ''), 'hex');
  const at = bytes.indexOf(uuid);
  if (at < 0) throw new Error(`${path}: its LC_UUID was not found in the file`);
  for (let index = at; index < at + uuid.length; index += 1) bytes[index] = (bytes[index] ?? 0) ^ 0xa5;
  const coih = createHash('sha384').update('IM4P krnl\0').update(bytes).digest('hex').toUpperCase();
  writeFileAtomic(simPaths(dir).customKernel(draft.volumes.group, draft.policy.nsih, coih), bytes);
  draft.policy.coih = coih;
}

function removeContents(folder: string): void {
  try {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function nextBuild(build: string): string {
  return build.replace(/[0-9]+[a-z]?$/, (serial) => String(Number.parseInt(serial, 10) + 1));
}
