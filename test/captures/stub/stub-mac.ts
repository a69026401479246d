/** A Mac made of captured outputs: each tool is a script that prints one capture. For facts as a whole, and for what one broken tool costs. */
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FIXTURES } from '../capture.ts';

export class StubMac {
  readonly sysroot = mkdtempSync(join(tmpdir(), 'headroom-stub-'));
  /** Tool -> its answers, for who plays them without starting it. */
  readonly answers = new Map<string, Readonly<Record<string, string>>>();

  /** Arguments -> what the tool prints: a capture (`dir/file`), or a text (`=text`). `*` takes any arguments. */
  tool(path: string, answers: Readonly<Record<string, string>>): this {
    this.answers.set(path, answers);
    const cases = Object.entries(answers).map(([args, answer], index) => {
      const file = this.file(`${path}.out/${index}`, answer.startsWith('=') ? answer.slice(1) : undefined, answer);
      const stream = answer.endsWith('.stderr.txt') ? ' >&2; exit 1' : '';
      return `${args === '*' ? '*' : JSON.stringify(args)}) cat ${JSON.stringify(file)}${stream} ;;`;
    });
    const script = `#!/bin/sh\ncase "$*" in\n${cases.join('\n')}\n*) echo "usage: $0" >&2; exit 64 ;;\nesac\n`;
    chmodSync(this.file(path, script), 0o755);
    return this;
  }

  file(path: string, content?: string | Buffer, capture?: string): string {
    const file = join(this.sysroot, path);
    mkdirSync(dirname(file), { recursive: true });
    if (content === undefined && capture !== undefined) copyFileSync(join(FIXTURES, capture), file);
    else writeFileSync(file, content ?? '');
    return file;
  }

  remove(path: string): void {
    rmSync(join(this.sysroot, path), { recursive: true, force: true });
  }
}

export const GROUP = '5C7D1F60-3A2B-4E19-9C44-0B7A6D2E8F13';
export const SESSION = '0B1F8C52-9B47-4F0A-8E25-C1A7D0934B68';
const KERNEL_UUID = '52A1E876-863E-38E3-AC80-09BBAB13B752';
const DATA = '26589960-47FD-4F86-8CF4-ECB9D4DD6659';

const plist = (body: string): string => `=<?xml version="1.0"?><plist version="1.0"><dict>${body}</dict></plist>\n`;
const field = (key: string, value: string): string => `<key>${key}</key><string>${value}</string>`;

/** A raised Mac, M2 Pro: every tool answers. `filesetUuid` is what its kernel says that it runs. */
export function raisedMac(filesetUuid: string): StubMac {
  const sysctl = [
    'kern.osbuildconfig: development',
    'kern.bootargs: kcsuffix=development hypervisor=0x1 hv_apple_isa_vm_quota=0xFF',
    'kern.osversion: 24B82',
    `kern.uuid: ${KERNEL_UUID}`,
    `kern.filesetuuid: ${filesetUuid}`,
    `kern.bootsessionuuid: ${SESSION}`,
    'kern.boottime: { sec = 1716980000, usec = 0 } Wed May 29 12:53:20 2024',
    'kern.hv_vmm_present: 0',
    'hw.model: Mac14,9',
  ];
  const owners = [
    'Cryptographic users for disk3s1s1 (1 found)',
    '|',
    '+-- 2457711A-523C-4604-B75A-F48A571D5036',
    '    Type: Local Open Directory User',
    '    Volume Owner: Yes',
  ];
  const admins = `<key>anna</key><dict>${field('GeneratedUID', '2457711A-523C-4604-B75A-F48A571D5036')}</dict>`;
  const mac = new StubMac();
  mac.file(`/System/Volumes/Preboot/${GROUP}/var/db/AdminUserRecoveryInfo.plist`, plist(admins).slice(1));
  return mac
    .tool('/usr/bin/sw_vers', { '*': 'sw_vers/15.1.txt' })
    .tool('/usr/bin/uname', { '-v': 'uname/v-dev-t6020-14.0b4.txt' })
    .tool('/usr/sbin/sysctl', { '*': `=${sysctl.join('\n')}\n` })
    .tool('/usr/sbin/nvram', {
      'boot-args': 'nvram/boot-args-quota.txt',
      'boot-volume': `=boot-volume\tEF57347C-0000-AA11-AA11-00306543ECAC:9B3D5E72-4C1A-4F86-8D20-E7A6150C3B94:${GROUP}\n`,
    })
    .tool('/usr/bin/csrutil', { status: 'csrutil/disabled.txt' })
    .tool('/usr/bin/bputil', { [`-d -v ${GROUP}`]: 'bputil/d-devkernel-ready.txt' })
    .tool('/usr/sbin/system_profiler', {
      'SPHardwareDataType -json': 'system_profiler/hardware-mac14-7-m2.json',
      'SPiBridgeDataType -json': 'system_profiler/ibridge-permissive-devkernel.txt',
    })
    .tool('/usr/sbin/ioreg', { '*': 'ioreg/platform-j316s-m1pro.txt' })
    .tool('/usr/sbin/diskutil', {
      'info -plist /': 'diskutil/info-root-as.plist',
      'info -plist /System/Volumes/Data': plist(
        field('DeviceIdentifier', 'disk3s5') + field('VolumeUUID', DATA) + field('APFSVolumeGroupID', GROUP),
      ),
      'apfs list -plist': 'diskutil/apfs-list.plist',
      'apfs listUsers /': `=${owners.join('\n')}\n`,
    })
    .tool('/usr/bin/fdesetup', { status: 'fdesetup/on.txt' })
    .tool('/usr/bin/profiles', { 'status -type enrollment': 'profiles/enrollment-dep.txt' })
    .tool('/usr/sbin/softwareupdate', { '*': 'softwareupdate/update-available-scan.txt' })
    .tool('/usr/bin/kmutil', { '*': 'kmutil/showloaded-11.5.txt' })
    .tool('/bin/ps', { '*': '=/sbin/launchd\n/x/com.apple.Virtualization.VirtualMachine\n' });
}
