/** `diskutil info` of recoveryOS, as text and as a property list, for the two volumes of the one system. */
import { diskNotFound, volumeInfo } from '../../render/disk-tools.ts';
import { loadState, type SimState } from '../../state.ts';
import { failed, notSimulated, type Tool } from '../tool-result.ts';
import { findVolume, type MountedVolume } from '../volumes.ts';

const VOLUME_BYTES = 245_107_195_904;

export const diskutil: Tool = ({ dir, args }) => {
  const [verb, ...rest] = args;
  const plist = rest.includes('-plist');
  const wanted = rest.filter((word) => word !== '-plist');
  const [volumeName] = wanted;
  if (verb !== 'info' || wanted.length !== 1 || volumeName === undefined) return notSimulated('diskutil', args);
  const state = loadState(dir);
  const volume = findVolume(dir, state, volumeName);
  if (volume !== null) return { status: 0, stdout: plist ? plistOf(state, volume) : textOf(state, volume) };
  const message = `Could not find disk: ${volumeName}`;
  return plist ? { status: 1, stdout: diskNotFound(volumeName) } : failed(message);
};

function textOf({ volumes }: SimState, volume: MountedVolume): string {
  const rows: [string, string][] = [
    ['Device Identifier', volume.device],
    ['Device Node', `/dev/${volume.device}`],
    ['Whole', 'No'],
    ['Part of Whole', 'disk3'],
    ['', ''],
    ['Volume Name', volume.name],
    ['Mounted', 'Yes'],
    ['Mount Point', volume.mountPoint],
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
