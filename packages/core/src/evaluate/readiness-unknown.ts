/** What could not be read before a visit: where a person looks instead, and whether anybody looks again. */
import type { Finding } from '../evaluate-types.ts';
import type { Facts } from '../facts.ts';
import { makeFinding, unknownReason } from './make-finding.ts';

/** The kit looks again at the pairing alone, so only there the person may rely on it. */
const LOOKS = {
  'volumes.startupDefault':
    'See in System Settings > General > Startup Disk that this system is chosen. The kit checks again in recoveryOS.',
  'volumes.owners': 'See that `diskutil apfs listUsers /` says "Volume Owner: Yes" of the account that will sign in.',
  'volumes.recoveryAdmins':
    'Run `diskutil apfs updatePreboot /` as root on the Mac: the first to look again is the sign-in of recoveryOS.',
  'volumes.otherSystems':
    'See in Disk Utility whether a second macOS is installed; then answer each question for a volume with the name of this one.',
  auxiliaryKexts: 'See that `kmutil showloaded --collection aux` names no kernel extension.',
  kitFolder: 'See with `ls -lde /Library/Headroom` that it is a real folder of root that only root can write, or none.',
  'disk.freeBytes': 'See with `df -h /System/Volumes/Data` that enough is free for KDK and kernel collection.',
  fileVault: 'See with `fdesetup status` whether it is on or off, and wait while it is in between.',
  'guests.processesAtMost': 'See at the Mac that no guest runs before you shut down.',
  'update.pending':
    'See with `softwareupdate --list`, and in System Settings > General > Software Update, whether an update would install at the shutdown.',
  'bootArgs.stored': 'See with `nvram boot-args` that the arguments of the policy are stored before the next restart.',
} as const;

export function readinessUnknown(facts: Facts, path: keyof typeof LOOKS): Finding {
  const detail = `Unknown: ${unknownReason(facts, path)}.`;
  return makeFinding('READINESS_UNKNOWN', { detail, seen: 'unknown', path, args: { path, look: LOOKS[path] } });
}
