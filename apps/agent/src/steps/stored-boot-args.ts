/** Writes the stored boot arguments. Which of two spellings a system takes differs, so both are tried and read back. */
import { BOOT_NAMESPACE } from '@headroom/core';
import { AgentError } from '../agent-error.ts';
import { type Mac, ranToItsEnd, toolText, unreadable } from '../mac.ts';
import { NVRAM, nvramDeleteArgs, nvramSetArgs, nvramSyncArgs, readNvram } from '../macos/nvram.ts';

const VARIABLE = 'boot-args';
/** With the boot namespace in front the variable is the machine's, whatever the default namespace is. */
const SPELLINGS = [VARIABLE, `${BOOT_NAMESPACE}:${VARIABLE}`];

/** null = nothing stored. */
export async function readStoredBootArgs(mac: Mac): Promise<string | null> {
  const reading = await readNvram({ sysroot: mac.sysroot }, VARIABLE);
  if (!reading.ok) throw unreadable(reading);
  return reading.value.present ? reading.value.value : null;
}

/** Writes the line and saves it: nvram buffers, and a power cut would lose it. */
export function writeBootArgs(mac: Mac, line: string): Promise<void> {
  return change(mac, (name) => nvramSetArgs(name, line), line);
}

/** Deletes the variable and saves that. One that is not there was perhaps deleted by a run that was cut before it saved. */
export async function deleteBootArgs(mac: Mac): Promise<void> {
  if ((await readStoredBootArgs(mac)) === null) return flush(mac);
  await change(mac, nvramDeleteArgs, null);
}

async function change(mac: Mac, argsOf: (name: string) => readonly string[], wanted: string | null): Promise<void> {
  const said: string[] = [];
  for (const name of SPELLINGS) {
    const result = ranToItsEnd(await mac.run(NVRAM, argsOf(name)));
    if (result.exitCode === 0 && (await readStoredBootArgs(mac)) === wanted) return flush(mac);
    said.push(toolText(result));
  }
  throw new AgentError('BOOT_ARGS_NOT_WRITTEN', said.join('\n'));
}

async function flush(mac: Mac): Promise<void> {
  const result = ranToItsEnd(await mac.run(NVRAM, nvramSyncArgs()));
  if (result.exitCode !== 0) throw new AgentError('BOOT_ARGS_NOT_WRITTEN', toolText(result));
}
