/** Takes a witness for the boot that runs now: from the socket, or from the command line. */
import type { Mac } from '../mac.ts';
import { readSysctl, sysctlValue } from '../macos/sysctl.ts';
import { uuidOf } from '../macos/text.ts';
import { noteWitness, type Witness, witnessFrom } from '../state/witness.ts';

const BOOT_SESSION = 'kern.bootsessionuuid';

/** The witness that counts now, or why this one was not taken. */
export async function takeWitness(mac: Mac, value: unknown): Promise<Witness | string> {
  const session = sysctlValue(await readSysctl({ sysroot: mac.sysroot }, [BOOT_SESSION]), BOOT_SESSION);
  const bootSession = session.ok ? uuidOf(session.value) : null;
  if (bootSession === null)
    return `the boot session of this Mac cannot be read${session.ok ? '' : `: ${session.reason}`}`;
  const witness = witnessFrom(value, bootSession, new Date());
  return typeof witness === 'string' ? witness : noteWitness(mac, witness);
}
