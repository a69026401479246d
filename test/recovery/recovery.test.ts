/** recoveryOS of the simulated Mac: what its tools print, refuse and really change. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootMac, createMac, loadState, simPaths, updateState } from '@headroom/mac-sim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type PersonRuleInput,
  RECOVERY_PROVENANCE,
  readPersonFile,
  recoverySession,
} from '../../packages/mac-sim/dist/recovery/index.js';
import { TOOLS } from '../../packages/mac-sim/dist/recovery/tools/index.js';

const GUID = '40A0DDD2-77F8-4392-B4A3-1E7304206516';
const capture = (name: string): string =>
  readFileSync(new URL(`../fixtures/macos/${name}`, import.meta.url), 'utf8').trimEnd();

let folder: string;
let dir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recovery-'));
  dir = join(folder, 'mac');
  createMac(dir, { variant: 'T6020', version: '14.5', build: '23F79' });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What is shown when a person types this line, the echo of it left out. */
async function shows(line: string, options: object = {}): Promise<string> {
  const { transcript } = await recoverySession({ dir, shell: 'dash', line, ...options });
  return transcript.slice(transcript.indexOf('\n') + 1).replace(/\n?-bash-3\.2# $/, '');
}

const rules = (...list: PersonRuleInput[]) => ({ person: { rules: list } });

describe('what recoveryOS has', () => {
  it('is a Terminal without the tools that booted macOS has besides', async () => {
    const missing = 'sudo shasum openssl perl python3 osascript zsh node'.split(' ');
    const there = 'bputil csrutil kmutil nvram diskutil md5 reboot sed awk tr date'.split(' ');
    const line = `for t in ${[...missing, ...there].join(' ')}; do command -v $t >/dev/null && echo has $t; done`;
    expect(await shows(line)).toBe(there.map((tool) => `has ${tool}`).join('\n'));
    expect(await shows('sudo true')).toMatch(/not found/);
  });

  it('has Data and the System volume under their names, and is gone after the session', async () => {
    expect(await shows('for v in /Volumes/*; do echo "$v"; done')).toBe('/Volumes/Data\n/Volumes/Macintosh HD');
    expect(existsSync(simPaths(dir).recovery)).toBe(false);
    expect(await shows('echo text >/Volumes/Data/Library/note')).toBe('');
    expect(readFileSync(join(dir, 'Library/note'), 'utf8')).toBe('text\n');
  });

  it('gives each tool and prompt a provenance', () => {
    const named = new Set(RECOVERY_PROVENANCE.map(({ tool }) => tool));
    for (const tool of Object.keys(TOOLS)) expect(named).toContain(tool);
    for (const { provenance, source } of RECOVERY_PROVENANCE) {
      if (provenance !== 'captured') continue;
      for (const name of source.match(/[\w./-]+\.(txt|plist)/g) ?? []) expect(capture(name)).not.toBe('');
    }
  });
});

describe('a Recovery Lock', () => {
  it('stands before the Terminal, opens for its password alone, and is never shown', async () => {
    updateState(dir, (draft) => {
      draft.recoveryLock = 'open-sesame';
    });
    const asked = 'Recovery Lock password: $';
    const person = (type: string, ...more: PersonRuleInput[]) =>
      recoverySession({ dir, shell: 'dash', line: 'reboot', ...rules({ when: asked, type, times: 1 }, ...more) });
    const refused = await person('sesame', { when: asked, powerCut: true });
    expect(refused).toMatchObject({ ended: 'power-cut', transcript: expect.stringContaining('Incorrect password.') });
    expect(refused.transcript).not.toContain('-bash-3.2# ');
    const { ended, transcript } = await person('open-sesame');
    expect(ended).toBe('reboot');
    expect(transcript).not.toContain('sesame');
  });
});

describe('power', () => {
  it('shuts a running macOS down cleanly before, and boots it after reboot', async () => {
    bootMac(dir);
    updateState(dir, (draft) => {
      draft.nvram.unflushed['boot-args'] = '-v';
    });
    const before = loadState(dir).boot?.sessionId;
    const { ended, exitCode, reason } = await recoverySession({ dir, shell: 'dash', line: 'reboot' });
    expect({ ended, exitCode, reason }).toEqual({ ended: 'reboot', exitCode: 0, reason: null });
    expect(loadState(dir)).toMatchObject({ power: 'macos', recovery: null, nvram: { stored: { 'boot-args': '-v' } } });
    expect(loadState(dir).boot?.sessionId).not.toBe(before);
  });

  it('stays off after shutdown', async () => {
    const { ended, exitCode } = await recoverySession({ dir, shell: 'dash', line: 'shutdown -h now' });
    expect({ ended, exitCode, power: loadState(dir).power }).toEqual({ ended: 'shutdown', exitCode: 0, power: 'off' });
  });

  it.each([
    ['the shell ends', 'exit', {}, 'exit'],
    ['the person has nothing more to type', 'echo', {}, 'stuck'],
    ['time is up', 'sleep 30', { person: { timeoutMs: 600 } }, 'timeout'],
  ])('leaves the Mac in recoveryOS when %s', async (_name, line, options, expected) => {
    const { ended, exitCode, reason } = await recoverySession({ dir, shell: 'dash', line, ...options });
    expect({ ended, exitCode, power: loadState(dir).power }).toEqual({
      ended: expected,
      exitCode: 1,
      power: 'recovery',
    });
    expect(reason).toContain('still in recoveryOS');
  });

  it.each(['dash', 'bash --posix'])('gives nothing a last word when the power fails under %s', async (shell) => {
    const marker = join(folder, 'last-word');
    const line = `sh -c 'trap "date >${marker}; exit" HUP TERM; printf "cut: "; while :; do sleep 0.1; done'`;
    const { ended } = await recoverySession({ dir, shell, line, ...rules({ when: 'cut: $', powerCut: true }) });
    expect(ended).toBe('power-cut');
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(existsSync(marker)).toBe(false);
  });

  it.each(['dash', 'bash --posix'])('leaves no process behind under %s', async (shell) => {
    const marker = join(folder, 'alive');
    await shows(`(while :; do date >${marker}; sleep 0.1; done) & echo`, { shell });
    rmSync(marker, { force: true });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(existsSync(marker)).toBe(false);
  });
});

describe('csrutil', () => {
  it('asks and answers as captured, and lowers the boot policy', async () => {
    const shown = await shows('csrutil disable');
    const lines = (text: string) => text.split('\n').map((each) => each.trimEnd());
    expect(lines(shown)).toEqual(lines(capture('csrutil/disable-recovery-transcript.txt')));
    const { policy } = loadState(dir);
    expect(policy).toMatchObject({ smb0: true, smb1: true, sip0: '7f', sip1: false, sip2: true, sip3: true });
    expect(await shows('csrutil status')).toBe(capture('csrutil/disabled.txt'));
  });

  it('changes nothing and ends with 0 when answered n', async () => {
    const shown = await shows('csrutil disable; echo rc $?', rules({ when: '\\[y/n\\]: $', type: 'n' }));
    expect(shown).toMatch(/rc 0$/);
    expect(loadState(dir).policy).toMatchObject({ smb0: false, sip0: null });
  });

  it('is refused in the fallback recovery', async () => {
    expect(await shows('csrutil disable', { paired: false })).toContain(
      capture('bputil/err-ap-boot-mode-11.stderr.txt'),
    );
    expect(loadState(dir).policy.sip0).toBeNull();
  });

  it('enable, answered y, goes back to Full and takes the custom kernel away', async () => {
    await shows('csrutil disable');
    updateState(dir, (draft) => {
      draft.policy.coih = 'AB'.repeat(48);
    });
    await shows('csrutil enable');
    expect(loadState(dir).policy).toMatchObject({ smb0: false, smb1: false, sip0: null, sip3: false, coih: null });
  });

  it('enable, answered n, keeps the custom kernel', async () => {
    updateState(dir, (draft) => {
      draft.policy.coih = 'AB'.repeat(48);
    });
    await shows('csrutil enable', rules({ when: '\\[y/n\\]: $', type: 'n' }));
    expect(loadState(dir).policy).toMatchObject({ sip0: null, sip3: false, coih: 'AB'.repeat(48) });
  });
});

describe('going back to Full Security', () => {
  const lowered = (faults: object = {}): void =>
    void updateState(dir, (draft) => {
      Object.assign(draft.policy, { smb0: true, smb1: true, sip0: '7f', sip3: true, coih: 'AB'.repeat(48) });
      draft.behaviour.faults = faults;
    });
  const FRESH = { smb1: false, sip0: null, sip3: false, coih: null };
  const group = (): string => loadState(dir).volumes.group;

  it.each([
    ['-f', { ...FRESH, smb0: false }],
    ['-g', { ...FRESH, smb0: true }],
    ['-a', { smb1: true, sip0: '7f', sip3: true, coih: 'AB'.repeat(48) }],
  ])('bputil %s asks for an owner and writes the policy', async (flag, policy) => {
    lowered();
    expect(await shows(`bputil ${flag} -v ${group()}; echo rc $?`)).toMatch(/Username: [\s\S]*Password: [\s\S]*rc 0$/);
    expect(loadState(dir).policy).toMatchObject(policy);
  });

  it('needs Internet, except for Reduced Security', async () => {
    lowered({ offlineInRecovery: true });
    expect(await shows(`bputil -f -v ${group()}; echo rc $?`)).toMatch(/Code=102[\s\S]*rc 1$/);
    expect(await shows('csrutil enable; echo rc $?')).toMatch(/Code=102[\s\S]*rc 1$/);
    expect(loadState(dir).policy).toMatchObject({ smb1: true, sip0: '7f' });
    await shows(`bputil -g -v ${group()}`);
    expect(loadState(dir).policy).toMatchObject({ ...FRESH, smb0: true });
  });

  it('is refused for a system that Apple no longer offers, a wrong password, and another system', async () => {
    lowered({ systemNotOffered: true });
    expect(await shows(`bputil -f -v ${group()}`)).toContain('no longer offered');
    const wrong = rules({ when: 'Password: $', type: 'not-it', secret: true });
    expect(await shows(`bputil -g -v ${group()}`, wrong)).toContain('Unable to set credentials');
    expect(await shows('bputil -g -v 00000000-0000-4000-A000-000000000000')).toContain('Could not find');
    expect(loadState(dir).policy).toMatchObject({ smb1: true, sip0: '7f' });
  });

  it('csrutil clear mends a csrutil that does nothing', async () => {
    updateState(dir, (draft) => {
      draft.behaviour.faults = { csrutilIgnored: true };
    });
    expect(await shows('csrutil disable')).toContain('Protection is off');
    expect(loadState(dir).policy.sip0).toBeNull();
    await shows('csrutil clear');
    await shows('csrutil disable');
    expect(loadState(dir).policy.sip0).toBe('7f');
  });
});

describe('what a recoveryOS may mount', () => {
  it('leaves Data out until it is mounted, with its password when FileVault is on', async () => {
    updateState(dir, (draft) => {
      draft.volumes.fileVault = true;
      draft.behaviour.faults = { dataNotMounted: true };
    });
    const list = '; for v in /Volumes/*; do echo "$v"; done';
    expect(await shows(`diskutil mount Data${list}`)).toMatch(/locked[\s\S]*\n\/Volumes\/Macintosh HD$/);
    const wrong = rules({ when: 'Passphrase: $', type: 'not-it', secret: true });
    expect(await shows(`diskutil apfs unlockVolume Data${list}`, wrong)).not.toContain('/Volumes/Data');
    expect(await shows(`diskutil apfs unlockVolume Data${list}`)).toContain('/Volumes/Data');
  });

  it('is paired with one system only, though the button was held', async () => {
    updateState(dir, (draft) => {
      draft.volumes.startupDefault = false;
    });
    const shown = await shows(`bputil -d -v ${loadState(dir).volumes.group}`);
    expect(shown).toMatch(/OS Type +: one true recoveryOS/);
    expect(shown).toMatch(/OS Pairing Status +: Not Paired/);
  });
});

describe('bputil', () => {
  it('shows the labels of the captured policy, in their order', async () => {
    const label = (line: string): string => line.replace(/UUID [0-9A-F-]+$/, 'UUID').replace(/: .*/, '');
    const head = (text: string) => text.split('\n').map(label).slice(0, 33);
    const shown = await shows(`bputil -d -v ${loadState(dir).volumes.group}`);
    expect(head(shown)).toEqual(head(capture('bputil/d-v-1tr-permissive-m2pro-15.7.5.txt')));
    expect(shown).toMatch(/OS Type +: one true recoveryOS\nOS Pairing Status +: Paired\n/);
  });

  it('says so when this recovery is not paired with the system', async () => {
    const shown = await shows('bputil -d', { paired: false });
    expect(shown).toMatch(/OS Pairing Status +: Not Paired\n/);
    expect(shown).not.toContain('one true recoveryOS');
  });
});

describe('kmutil configure-boot', () => {
  const line = 'kmutil configure-boot -v "/Volumes/Macintosh HD" -c /Volumes/Data/Library/file';
  beforeEach(() => writeFileSync(join(dir, 'Library/file'), 'no kernel collection'));

  it.each([
    [
      'a name that is not listed',
      rules({ when: 'Username: $', type: 'nobody' }),
      'not a valid admin user for the volume',
    ],
    ['a wrong password', rules({ when: 'Password: $', type: 'x', secret: true }), 'Unable to set credentials'],
    ['a file that is no kernel collection', {}, 'Invalid Mach-O boot properties'],
    ['the fallback recovery', { paired: false }, 'pairing (17)'],
  ])('asks as captured and refuses %s', async (_name, options, text) => {
    const shown = await shows(line, options);
    expect(shown).toContain(capture('kmutil/configure-boot-prompts.txt'));
    expect(shown).toContain(text);
    expect(loadState(dir).policy.coih).toBeNull();
  });

  it('refuses the Data volume', async () => {
    expect(await shows(line.replace('Macintosh HD', 'Data'))).toContain('is not a system volume');
  });
});

describe('nvram', () => {
  const guidForm = `nvram ${GUID}:boot-args=-v; echo rc $?`;

  it('refuses boot arguments while SIP is on, as captured', async () => {
    expect(await shows('nvram boot-args=-v; echo rc $?')).toBe(
      `${capture('nvram/set-not-permitted.stderr.txt')}\nrc 1`,
    );
  });

  it('takes the GUID form after csrutil disable and the bare form only in the next session', async () => {
    expect(await shows(`csrutil disable; nvram boot-args=-x; ${guidForm}; nvram boot-args`)).toMatch(
      /not permitted\nrc 0\nboot-args\t-v$/,
    );
    expect(await shows('nvram boot-args=-x; nvram -s; nvram boot-args')).toBe('boot-args\t-x');
  });

  it('refuses the GUID form where the release does', async () => {
    updateState(dir, (draft) => {
      draft.behaviour.nvramGuidFormInRecovery = false;
    });
    expect(await shows(`csrutil disable; ${guidForm}`)).toMatch(/not permitted\nrc 1$/);
  });

  it('loses what was not saved when the power fails', async () => {
    const cut = rules({ when: 'saved: $', powerCut: true });
    await shows(`csrutil disable; nvram -s; nvram ${GUID}:boot-args=-v; printf 'saved: '; cat`, cut);
    expect(loadState(dir).nvram).toMatchObject({ unflushed: {} });
    expect(loadState(dir).nvram.stored).not.toHaveProperty('boot-args');
    await shows(`nvram ${GUID}:boot-args=-v; nvram -s; printf 'saved: '; cat`, cut);
    expect(loadState(dir).nvram.stored).toMatchObject({ 'boot-args': '-v' });
  });
});

describe('diskutil info', () => {
  it('finds a volume by UUID and says where it is mounted', async () => {
    const { systemUuid, group } = loadState(dir).volumes;
    expect(await shows(`diskutil info ${systemUuid}`)).toMatch(/^ {3}Mount Point: +\/Volumes\/Macintosh HD$/m);
    expect(await shows(`diskutil info -plist ${systemUuid}`)).toContain('<string>/Volumes/Macintosh HD</string>');
    expect(await shows(`diskutil info ${group}`)).toMatch(/Mount Point: +\/Volumes\/Data$/m);
    expect(await shows('diskutil info -plist /Volumes/SMB')).toBe(capture('diskutil/info-not-found.plist'));
  });
});

describe('the person', () => {
  it('never has a secret in the transcript, not even echoed', async () => {
    const password = loadState(dir).accounts[0]?.password ?? '';
    const typed = rules({ when: 'say: $', type: 'hunter2', secret: true, times: 1 });
    const shown = await shows(`echo ${password}; printf 'say: '; read -r said; echo "$said"`, typed);
    expect(shown).not.toContain(password);
    expect(shown).not.toContain('hunter2');
  });

  it.each([
    ['{"rules": {}}', 'rules: expected a list'],
    ['{"rules": [{"type": "y"}]}', 'rule 1: expected {"when"'],
    ['{"rules": [{"when": "("}]}', 'rule 1: when:'],
    ['{"rules": [{"when": "a", "typ": "y"}]}', 'rule 1: unknown key typ'],
    ['{"rules": [{"when": "a", "times": "2"}]}', 'rule 1: times: expected a number'],
    ['{"timeoutMs": 0}', 'timeoutMs: expected a number above 0'],
  ])('is refused when the file says %s', (text, reason) => {
    const path = join(folder, 'person.json');
    writeFileSync(path, text);
    expect(() => readPersonFile(path)).toThrow(reason);
  });
});

describe('mac-sim recovery', () => {
  const run = (...args: string[]) => {
    const entry = new URL('../../packages/mac-sim/dist/recovery/index.js', import.meta.url).href;
    const program = `import(${JSON.stringify(entry)}).then(async (m) => process.exit(await m.recoveryCommand(process.argv.slice(1))))`;
    try {
      return {
        status: 0,
        stdout: execFileSync(process.execPath, ['-e', program, ...args], { encoding: 'utf8', stdio: 'pipe' }),
      };
    } catch (error) {
      const { status, stderr } = error as { status: number; stderr: string };
      return { status, stderr };
    }
  };

  it('prints what the person saw and ends with 0 after a restart', () => {
    const person = join(folder, 'person.json');
    writeFileSync(person, JSON.stringify({ rules: [{ when: 'ready\\? $', type: 'yes', times: 1 }] }));
    const line = "printf 'ready? '; read x; echo got $x; reboot";
    const { status, stdout } = run(dir, '--shell', 'dash', '--person', person, '--', line);
    expect({ status, power: loadState(dir).power }).toEqual({ status: 0, power: 'macos' });
    expect(stdout).toContain('got yes');
  });

  it('ends with 1 and the reason otherwise, and with 2 when the command is wrong', () => {
    expect(run(dir, '--', 'echo')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('nothing more to type'),
    });
    expect(run(dir, '--shell', 'zsh', '--', 'echo')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('expected dash'),
    });
    expect(run(dir)).toMatchObject({ status: 2, stderr: expect.stringContaining('mac-sim recovery DIR') });
  });
});
