/**
 * `diskutil` of recoveryOS for the two volumes of the one system: info as text and as a property list, and mounting Data,
 * which stands for Disk Utility too.
 */
import { diskNotFound, volumeInfo } from '../../render/disk-tools.ts';
import { loadState, type SimState } from '../../state.ts';
import { askSecret } from '../terminal.ts';
import { failed, notSimulated, type Tool, type ToolResult } from '../tool-result.ts';
import { findVolume, isMounted, type MountedVolume, mountData } from '../volumes.ts';

const VOLUME_BYTES = 245_107_195_904;

export const diskutil: Tool = ({ dir, args }) => {
  const [verb, ...rest] = args;
  const plist = rest.includes('-plist');
  const wanted = rest.filter((word) => word !== '-plist');
  const [volumeName] = wanted;
  const [mounts, unlocks] = [verb === 'mount', verb === 'apfs' && wanted[0] === 'unlockVolume'];
  if (mounts || unlocks) return mount(dir, wanted.slice(unlocks ? 1 : 0), unlocks);
  if (verb !== 'info' || wanted.length !== 1 || volumeName === undefined) return notSimulated('diskutil', args);
  const state = loadState(dir);
  const volume = findVolume(dir, state, volumeName);
  if (volume !== null) return { status: 0, stdout: plist ? plistOf(state, volume) : textOf(state, volume) };
  const message = `Could not find disk: ${volumeName}`;
  return plist ? { status: 1, stdout: diskNotFound(volumeName) } : failed(message);
};

function mount(dir: string, names: readonly string[], unlocks: boolean): ToolResult {
  const [name = '', ...rest] = names;
  const state = loadState(dir);
  const volume = findVolume(dir, state, name);
  if (rest.length > 0 || volume === null) return failed(`Could not find disk: ${name}`);
  if (isMounted(volume)) return { status: 0, stdout: `Volume ${volume.name} is mounted\n` };
  if (state.volumes.fileVault && !unlocks)
    return failed(`Volume on ${volume.device} failed to mount\nThis volume is locked; unlock it first`);
  if (unlocks) {
    const passphrase = askSecret('Passphrase: ');
    if (!state.accounts.some(({ password }) => password === passphrase))
      return failed('Error unlocking APFS Volume: passphrase incorrect or user does not exist');
  }
  mountData(dir, volume);
  return { status: 0, stdout: unlocks ? 'Unlocked and mounted APFS Volume\n' : `Volume ${volume.name} mounted\n` };
}

function textOf({ volumes }: SimState, volume: MountedVolume): string {
  const rows: [string, string][] = [
    ['Device Identifier', volume.device],
    ['Device Node', `/dev/${volume.device}`],
    ['Whole', 'No'],
    ['Part of Whole', 'disk3'],
    ['', ''],
    ['Volume Name', volume.name],
    ['Mounted', isMounted(volume) ? 'Yes' : 'No'],
    ['Mount Point', isMounted(volume) ? volume.mountPoint : ''],
    ['', ''],
    ['Volume UUID', volume.uuid],
    ['APFS Container', 'disk3'],
    ['APFS Volume Group', volumes.group],
    ['FileVault', volumes.fileVault ? 'Yes' : 'No'],
  ];
  return `${rows.map(([label, value]) => (label === '' ? '' : `   ${`${label}:`.padEnd(27)}${value}`)).join('\n')}\n`;
}

function plistOf({ volumes }: SimState, volume: MountedVolume): string {
  return volumeInfo({
    group: volumes.group,
    device: volume.device,
    fileVault: volumes.fileVault,
    mountPoint: volume.mountPoint,
    sealed: volume.role === 'System' ? 'Yes' : 'No',
    bytes: VOLUME_BYTES,
    name: volume.name,
    uuid: volume.uuid,
  });
}
