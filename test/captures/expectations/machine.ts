/** Hardware, volumes, FileVault, MDM and updates. */
import * as diskutil from '../../../apps/agent/src/macos/diskutil.ts';
import { parseFdesetup } from '../../../apps/agent/src/macos/fdesetup.ts';
import { parseIoreg } from '../../../apps/agent/src/macos/ioreg.ts';
import { parseProfiles } from '../../../apps/agent/src/macos/profiles.ts';
import { parseSoftwareUpdate } from '../../../apps/agent/src/macos/softwareupdate.ts';
import { parseHardware } from '../../../apps/agent/src/macos/system-profiler.ts';
import type { Expectation, Expectations } from '../capture.ts';
import { nobodys, unknownBecause, value } from '../expect.ts';

const UUID = '3F2B8C14-7D60-5A91-B3E8-0C4D6A1F9E27';
const SERIAL = 'C02XK0FAKE1';
const GROUP = '5C7D1F60-3A2B-4E19-9C44-0B7A6D2E8F13';

const hardware = (chip: string, model: string): Expectation => ({
  read: ({ output }) => parseHardware(output),
  says: value({ chip, model, uuid: UUID, serial: SERIAL }),
});
const platform = (model: string | null): Expectation => ({
  read: ({ output }) => parseIoreg(output),
  says: value({ uuid: UUID, serial: SERIAL, model }),
});

const HARDWARE: Expectations = {
  'system_profiler/hardware-mac14-2-m2.json': hardware('Apple M2', 'Mac14,2'),
  'system_profiler/hardware-mac14-7-m2.json': hardware('Apple M2', 'Mac14,7'),
  'system_profiler/hardware-mac16-1-m4.json': hardware('Apple M4', 'Mac16,1'),
  'system_profiler/hardware-vm-m4max.json': hardware('Apple M4 Max (Virtual)', 'VirtualMac2,1'),
  'ioreg/platform-j316s-m1pro.txt': platform('MacBookPro18,1'),
  'ioreg/platform-j713-m4.txt': platform('Mac16,12'),
};

const DISKUTIL: Expectations = {
  'diskutil/apfs-list-excerpt.txt': nobodys,
  'diskutil/apfs-list.plist': {
    read: ({ output }) => diskutil.parseApfsList(output),
    says: value([
      { reference: 'disk1', freeBytes: 504295424, systems: [] },
      { reference: 'disk2', freeBytes: 3462303744, systems: [] },
      {
        reference: 'disk3',
        freeBytes: 1897427308544,
        systems: [{ device: 'disk3s1', uuid: 'E31E412F-8B2E-AB52-EDB9-BC296ED8A4DD', name: 'Macintosh HD' }],
      },
    ]),
  },
  'diskutil/info-not-found.plist': {
    read: ({ output }) => diskutil.parseInfo(output),
    says: unknownBecause('Could not find disk: /Volumes/SMB'),
  },
  'diskutil/info-root-as.plist': {
    read: ({ output }) => diskutil.parseInfo(output),
    says: value({
      device: 'disk3s1s1',
      name: 'Macintosh HD',
      uuid: '9B3D5E72-4C1A-4F86-8D20-E7A6150C3B94',
      isSnapshot: false,
      group: GROUP,
      container: 'disk3',
      containerFreeBytes: null,
      internal: true,
    }),
  },
  'diskutil/list-asahi-dualboot.txt': nobodys,
  'diskutil/listvolumegroups-one.plist': {
    read: ({ output }) => diskutil.parseVolumeGroups(output),
    says: value([{ uuid: GROUP, name: 'Macintosh HD', system: 'disk3s1', data: 'disk3s5' }]),
  },
};

const fileVault = (status: string): Expectation => ({
  read: ({ output }) => parseFdesetup(output),
  says: value(status),
});
const enrollment = (says: unknown): Expectation => ({ read: ({ output }) => parseProfiles(output), says });
const updates = (says: unknown): Expectation => ({ read: ({ output }) => parseSoftwareUpdate(output), says });

const MANAGEMENT: Expectations = {
  'fdesetup/encrypting-42.txt': fileVault('encrypting'),
  'fdesetup/encrypting-pending.txt': fileVault('encrypting'),
  'fdesetup/off.txt': fileVault('off'),
  'fdesetup/on.txt': fileVault('on'),
  'profiles/enrollment-dep.txt': enrollment(value({ enrolled: true, userApproved: true, automated: true })),
  'profiles/enrollment-none.txt': enrollment(value({ enrolled: false, userApproved: false, automated: false })),
  'profiles/recovery-missing.stderr.txt': enrollment(unknownBecause('command not found')),
  'softwareupdate/error-scan.txt': updates(unknownBecause('Scan finished with error')),
  'softwareupdate/no-update-available-scan.txt': updates(value([])),
  'softwareupdate/update-available-scan.txt': updates(
    value([
      {
        label: 'macOS Ventura 13.3.1-22E261',
        title: 'macOS Ventura 13.3.1',
        version: '13.3.1',
        build: '22E261',
      },
    ]),
  ),
};

export const MACHINE: Expectations = { ...HARDWARE, ...DISKUTIL, ...MANAGEMENT };
