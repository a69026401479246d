/** The scripts an admin runs, on a folder instead of a Mac's volume; tools that exist on macOS only are stand-ins. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toPlist, type Writable } from '../../apps/agent/src/macos/plist-write.ts';
import { copyFolder } from '../support/copy-folder.ts';
import { filesBelow, HOME, makeRelease, type Release, ROOT, sh, withStandIns } from './release.ts';

const folder = mkdtempSync(join(tmpdir(), 'headroom-scripts-'));
const NODE = `${HOME}/bin/headroom-agent-node`;
let release: Release;
let layout: string;
let turn = 0;

beforeAll(async () => {
  release = await makeRelease(folder);
});
beforeEach(() => {
  turn += 1;
  layout = join(folder, `turn-${turn}`);
  copyFolder(release.layout, layout);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sumOf = (file: string): string => execFileSync('shasum', ['-a', '256', file], { encoding: 'utf8' }).slice(0, 64);

/** An executable that writes its arguments, one a line, and does what `then` says. */
function standIn(name: string, then = ''): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$@" >> '${path}.log'\n${then}\n`, { mode: 0o755 });
  rmSync(`${path}.log`, { force: true });
  return path;
}

describe('put-node', () => {
  it('puts the pinned binary, with its licence, and does nothing the second time', () => {
    expect(sh(join(layout, 'put-node'), release.nodeTarball)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('in the payload'),
    });
    expect(sumOf(join(layout, NODE))).toBe(release.pin.binarySha256);
    expect(statSync(join(layout, NODE)).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(layout, HOME, 'LICENSE.node.txt'), 'utf8')).toBe('licence of Node\n');
    expect(sh(join(layout, 'put-node'), '/does/not/exist')).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('refuses any other tarball and puts nothing', () => {
    const other = join(folder, 'other.tgz');
    cpSync(release.nodeTarball, other);
    appendFileSync(other, 'x');
    expect(sh(join(layout, 'put-node'), other)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('not the pinned Node'),
    });
    expect(existsSync(join(layout, NODE))).toBe(false);
  });

  it('refuses a binary that is not the pinned one, even from the pinned tarball', () => {
    const conf = join(layout, 'layout.conf');
    writeFileSync(conf, readFileSync(conf, 'utf8').replace(release.pin.binarySha256, '0'.repeat(64)));
    expect(sh(join(layout, 'put-node'), release.nodeTarball)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('expected sha256 000'),
    });
    expect(existsSync(join(layout, NODE))).toBe(false);
  });

  it('replaces a binary that is not the pinned one', () => {
    writeFileSync(join(layout, NODE), 'something else');
    expect(sh(join(layout, 'put-node'), release.nodeTarball).status).toBe(0);
    expect(sumOf(join(layout, NODE))).toBe(release.pin.binarySha256);
  });
});

describe('make-pkg', () => {
  /** pkgbuild and productsign that write their last argument, as the real ones do. */
  const last = 'for out; do :; done; echo made > "$out"';
  function makePkg(...args: readonly string[]) {
    const tools = {
      '/usr/bin/pkgbuild': standIn('pkgbuild', last),
      '/usr/bin/productbuild': standIn('productbuild', last),
      '/usr/bin/productsign': standIn('productsign', last),
      '/usr/sbin/pkgutil': standIn('pkgutil'),
    };
    const script = withStandIns(join(layout, 'make-pkg'), join(layout, 'make-pkg'), tools);
    // The changed script is the one part whose sum no longer holds.
    const sums = join(layout, 'SHA256SUMS');
    writeFileSync(sums, readFileSync(sums, 'utf8').replace(/^.{64}(?= {2}make-pkg$)/m, sumOf(script)));
    return sh(script, '--node', release.nodeTarball, ...args, join(folder, 'out.pkg'));
  }
  const calls = (tool: string): readonly string[] => {
    const log = join(folder, `${tool}.log`);
    return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  };
  const optionOf = (args: readonly string[], name: string) => args[args.indexOf(name) + 1];

  it('builds a flat package of the payload with stable id and version, unsigned unless asked', () => {
    expect(makePkg()).toMatchObject({ status: 0, stderr: expect.stringContaining('no --sums-sha256') });
    const args = calls('pkgbuild');
    expect([optionOf(args, '--identifier'), optionOf(args, '--version')]).toEqual(['com.headroom.agent', '9.8.7']);
    expect([optionOf(args, '--root'), optionOf(args, '--install-location')]).toEqual(['root', '/']);
    expect(optionOf(args, '--ownership')).toBe('recommended');
    expect(sumOf(join(layout, NODE))).toBe(release.pin.binarySha256);
    expect([calls('productbuild'), calls('productsign')]).toEqual([[], []]);
    expect(readFileSync(join(folder, 'out.pkg'), 'utf8')).toBe('made\n');
    expect(readFileSync(join(folder, 'out.pkginfo'), 'utf8')).toContain(
      `<key>installer_item_hash</key><string>${sumOf(join(folder, 'out.pkg'))}</string>`,
    );
  });

  it('signs with the identity that is given, as a product archive when asked', () => {
    expect(makePkg('--product', '--sign', 'Developer ID Installer: Example (ABCDE12345)').status).toBe(0);
    expect(optionOf(calls('productsign'), '--sign')).toBe('Developer ID Installer: Example (ABCDE12345)');
    expect(calls('productbuild')[0]).toBe('--package');
    expect(calls('pkgutil')[0]).toBe('--check-signature');
  });

  it('refuses a release that is not the published one', () => {
    expect(makePkg('--sums-sha256', 'f'.repeat(64))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('not the published release'),
    });
    expect(calls('pkgbuild')).toEqual([]);
  });

  it.each([
    ['a changed part', `${HOME}/agent.cjs`, 'not the published one'],
    ['a changed daemon', 'root/Library/LaunchDaemons/com.headroom.agent.plist', 'not the published one'],
    ['an unknown file', 'root/Library/LaunchDaemons/com.example.plist', 'unknown files'],
    ['an unknown script', 'scripts/preflight', 'unknown files'],
  ])('refuses %s', (_what, file, reason) => {
    appendFileSync(join(layout, file), '\n');
    expect(makePkg()).toMatchObject({ status: 1, stderr: expect.stringContaining(reason) });
    expect(calls('pkgbuild')).toEqual([]);
  });

  it('says where it must run', () => {
    expect(sh(join(layout, 'make-pkg'), 'x.pkg')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('run this on a Mac'),
    });
  });
});

describe('install and uninstall', () => {
  const volume = (): string => join(folder, `volume-${turn}`);
  const install = () => {
    mkdirSync(volume(), { recursive: true });
    return sh(join(layout, 'install'), '--node', release.nodeTarball, '--root', volume());
  };
  const uninstall = (...args: string[]) => sh(join(layout, HOME, 'bin/uninstall'), '--root', volume(), ...args);

  it('lay down everything, written by root alone, twice with the same result', () => {
    expect(install()).toMatchObject({ status: 0, stderr: '' });
    const first = filesBelow(volume());
    expect(first).toEqual([...filesBelow(join(layout, 'root')), 'usr/local/bin/headroom-agent'].sort());
    for (const file of first.filter((name) => !name.startsWith('usr/')))
      expect(statSync(join(volume(), file)).mode & 0o022, file).toBe(0);
    expect(statSync(join(volume(), 'Library/Logs/Headroom')).isDirectory()).toBe(true);
    const compiled = join(volume(), 'private/var/db/headroom/node-cache');
    writeFileSync(join(compiled, 'of-an-older-agent'), 'x');
    expect(install().status).toBe(0);
    expect(filesBelow(volume())).toEqual(first);
    for (const private_ of [compiled, join(compiled, '..')]) expect(statSync(private_).mode & 0o777).toBe(0o700);
  });

  it('give an agent that starts from its place', () => {
    install();
    const home = join(volume(), HOME.replace(/^root\//, ''));
    const args = [join(home, 'bin/headroom-agent-node'), join(home, 'agent.cjs'), '--version'];
    const { version } = JSON.parse(readFileSync(new URL('../../apps/agent/package.json', import.meta.url), 'utf8'));
    expect(execFileSync(args[0] ?? '', args.slice(1), { encoding: 'utf8' })).toBe(`${version}\n`);
  });

  it('remove all of it but keep what the Mac remembers, unless asked', () => {
    install();
    const state = join(volume(), 'private/var/db/headroom/identity.json');
    const kit = ['raise', 'KernelCollection.kc', 'revert'].map((name) => join(volume(), 'Library/Headroom', name));
    for (const file of [state, join(state, '../node-cache/x'), ...kit]) {
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, 'x');
    }
    // Nobody watches the Mac any more, so nothing that lowers it stays.
    expect(uninstall()).toMatchObject({ status: 0, stderr: '' });
    expect(filesBelow(volume())).toEqual(['Library/Headroom/revert', 'private/var/db/headroom/identity.json']);
    install();
    expect(uninstall('--purge')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('/Library/Headroom stays'),
    });
    expect(filesBelow(volume())).toEqual(['Library/Headroom/revert']);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'can be run again where something could not be removed (needs root: it mounts)',
    () => {
      install();
      const busy = join(volume(), 'private/var/db/headroom/mnt/kdk-1');
      mkdirSync(busy, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', 'none', busy]);
      try {
        expect(uninstall('--purge')).toMatchObject({ status: 1, stderr: expect.stringContaining('run this again') });
      } finally {
        execFileSync('umount', [busy]);
      }
      expect(uninstall('--purge')).toMatchObject({ status: 0 });
      expect(filesBelow(volume())).toEqual([]);
    },
  );

  it('refuse what they do not know', () => {
    expect(uninstall('--force')).toMatchObject({ status: 2, stderr: expect.stringContaining('--force') });
    expect(sh(join(layout, 'install'), '--force', 'x')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--force'),
    });
  });
});

/** plutil -extract PATH raw -o - FILE, as far as the scripts need it; what it says of a missing value may be on stdout. */
const PLUTIL = `'${process.execPath}' --input-type=module -e '
  import { readFileSync } from "node:fs";
  import { parsePlistDict } from "${ROOT}/apps/agent/dist/macos/plist.js";
  const [, path, , , , file] = process.argv.slice(1);
  const value = path.split(".").reduce((found, key) => found?.[key], parsePlistDict(readFileSync(file, "utf8")).value);
  console.log(value ?? file + ": Could not extract value, error: No value at that key path");
  process.exitCode = value === undefined ? 1 : 0;' -- "$@"`;

describe('Munki condition', () => {
  /** `defaults read` says nothing; `defaults write` notes what it is told. */
  function conditions(status: Writable | undefined): readonly string[] {
    const file = join(folder, 'status.plist');
    rmSync(file, { force: true });
    if (status !== undefined) writeFileSync(file, toPlist(status));
    const defaults = standIn('defaults', '[ "$1" = write ]');
    const plutil = standIn('plutil', `[ "$1" = -extract ] || exit 0\n${PLUTIL}`);
    const standIns = {
      '/private/var/db/headroom/status.plist': file,
      '/usr/bin/defaults': defaults,
      '/usr/bin/plutil': plutil,
    };
    const name = 'headroom-condition';
    expect(sh(withStandIns(join(layout, 'admin/munki', name), join(folder, name), standIns)).stderr).toBe('');
    const said = readFileSync(`${defaults}.log`, 'utf8').trim().split('\n');
    return said.flatMap((word, at) => (word.startsWith('headroom_') ? [`${word} ${said[at + 2]}`] : []));
  }

  it.each<readonly [string, Writable | undefined, number, number]>([
    ['no agent has run', undefined, 0, 0],
    ['the Mac was not read yet', { mac: null, visit: null }, 0, 0],
    ['it is raised', { mac: { guestQuota: 255 }, visit: { phase: 'over' } }, 255, 0],
    ['somebody is about to work at it', { mac: { guestQuota: 2 }, visit: { phase: 'drain' } }, 2, 1],
  ])('tells quota and drain: %s', (_name, status, quota, drain) => {
    expect(conditions(status)).toEqual([`headroom_quota ${quota}`, `headroom_drain ${drain}`]);
  });
});

describe('Jamf extension attributes', () => {
  function attribute(name: string, status: Writable | undefined, isInstalled = true): string {
    const [file, agent] = [join(folder, 'status.plist'), join(folder, 'installed.cjs')];
    for (const old of [file, agent]) rmSync(old, { force: true });
    if (status !== undefined) writeFileSync(file, toPlist(status));
    if (isInstalled) writeFileSync(agent, '');
    const script = join(layout, 'admin/jamf', name);
    const paths = {
      '/private/var/db/headroom/status.plist': file,
      '/usr/bin/plutil': standIn('plutil', PLUTIL),
      '/Library/Application Support/HeadroomAgent/agent.cjs': agent,
    };
    const used = Object.entries(paths).filter(([path]) => readFileSync(script, 'utf8').includes(path));
    return sh(withStandIns(script, join(folder, name), Object.fromEntries(used))).stdout;
  }
  const status = {
    agentVersion: '1.2.3',
    lastContactAt: '2026-05-04T03:02:01.987Z',
    lastError: { code: 'KC_LINK_FAILED', detail: 'x', at: 'y' },
  };

  it('say version, last contact and last problem of the status file', () => {
    expect(attribute('agent-version.sh', status)).toBe('<result>1.2.3</result>\n');
    expect(attribute('last-contact.sh', status)).toBe('<result>2026-05-04 03:02:01</result>\n');
    expect(attribute('problem.sh', status)).toBe('<result>KC_LINK_FAILED</result>\n');
  });

  it('say what is not there', () => {
    expect(attribute('agent-version.sh', undefined)).toBe('<result>has not run</result>\n');
    expect(attribute('agent-version.sh', status, false)).toBe('<result>not installed</result>\n');
    expect(attribute('last-contact.sh', { ...status, lastContactAt: null })).toBe('<result></result>\n');
    expect(attribute('last-contact.sh', undefined)).toBe('<result></result>\n');
    expect(attribute('problem.sh', { ...status, lastError: null })).toBe('<result>none</result>\n');
    expect(attribute('problem.sh', undefined)).toBe('<result>the agent has not run</result>\n');
  });
});
