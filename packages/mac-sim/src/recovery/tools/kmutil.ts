/** `kmutil configure-boot`: copies a kernel collection into Preboot and names it in the boot policy. */
import { existsSync, statSync } from 'node:fs';
import { freeBytes } from '../../free-bytes.ts';
import { readKernelCollection } from '../../kernel/index.ts';
import { loadState, type SimState, updateState } from '../../state.ts';
import { installCustomObject } from '../custom-object.ts';
import { askLine, askSecret } from '../terminal.ts';
import { failed, notSimulated, type Tool, type ToolResult } from '../tool-result.ts';
import { authenticate } from '../users.ts';
import { findVolume } from '../volumes.ts';

const QUESTION = `By setting a custom boot object, you will be putting your system into
Permissive Security.
Are you sure you want to do this? (enter y or n)
`;

export const kmutil: Tool = ({ dir, args }) => {
  const [verb, ...rest] = args;
  const options = verb === 'configure-boot' ? readOptions(rest) : null;
  if (options === null) return notSimulated('kmutil', args);
  return configureBoot(dir, options);
};

interface Options {
  readonly volume: string;
  readonly object: string;
}

/** Null when an option is missing or is one that the simulator does not know. */
function readOptions(args: readonly string[]): Options | null {
  const values = new Map<string, string>();
  const names: Record<string, string> = {
    '-v': 'volume',
    '--volume': 'volume',
    '-c': 'object',
    '--custom-boot-object': 'object',
  };
  for (let index = 0; index < args.length; index += 2) {
    const name = names[args[index] ?? ''];
    const value = args[index + 1];
    if (name === undefined || value === undefined) return null;
    values.set(name, value);
  }
  const volume = values.get('volume');
  const object = values.get('object');
  return volume === undefined || object === undefined ? null : { volume, object };
}

function configureBoot(dir: string, { volume, object }: Options): ToolResult {
  const state = loadState(dir);
  if (findVolume(dir, state, volume)?.role !== 'System')
    return kmError(`${volume} is not a system volume that can boot`);
  if (!existsSync(object)) return kmError(`no such file: ${object}`);
  if (!/^y(es)?$/i.test((askLine(QUESTION) ?? '').trim())) return failed('Aborted', 1);
  const name = (askLine('Username: ') ?? '').trim();
  const password = askSecret('Password: ') ?? '';
  const refusal = refuse(state, name, password, object) ?? noRoom(dir, state, object);
  if (refusal !== null) return refusal;
  if (state.behaviour.faults?.configureBootIgnored) {
    updateState(dir, ({ behaviour: { faults } }) => {
      if (faults) faults.configureBootIgnored = false;
    });
    return { status: 0 };
  }
  installCustomObject(dir, object);
  return { status: 0 };
}

function refuse(state: SimState, name: string, password: string, object: string): ToolResult | null {
  const user = authenticate(state, name, password);
  if (user === 'unknown-user' || state.behaviour.recoveryUsersStale)
    return kmError(`not a valid admin user for the volume at /Volumes/Preboot/${state.volumes.group}/`);
  if (user === 'wrong-password') return kmError('Unable to set credentials');
  const { pairingStuck, invalidBootProperties } = state.behaviour.faults ?? {};
  if (state.recovery?.paired !== true || pairingStuck)
    return kmError('Boot policy error: Error updating custom os local policy: code pairing (17)');
  if (invalidBootProperties || !isKernelCollection(object)) return kmError('Invalid Mach-O boot properties');
  return null;
}

/** The copy goes to Preboot, which shares its room with Data. The policy is as before. */
function noRoom(dir: string, state: SimState, object: string): ToolResult | null {
  const free = freeBytes(dir, state);
  if (free === null || statSync(object).size <= free) return null;
  return failed('Error Domain=NSPOSIXErrorDomain Code=28 "No space left on device"');
}

function isKernelCollection(path: string): boolean {
  try {
    readKernelCollection(path);
    return true;
  } catch {
    return false;
  }
}

function kmError(text: string): ToolResult {
  return failed(`Error Domain=KMErrorDomain Code=71 "${text}"`);
}
