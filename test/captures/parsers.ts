/** Every parser of the agent that takes the output of a tool: for texts that none may take for its own, and for mutated ones. */
import { parseBputil } from '../../apps/agent/src/macos/bputil.ts';
import { parseAuthenticatedRoot, parseCsrutil } from '../../apps/agent/src/macos/csrutil.ts';
import { parseDf } from '../../apps/agent/src/macos/df.ts';
import * as diskutil from '../../apps/agent/src/macos/diskutil.ts';
import { parseFdesetup } from '../../apps/agent/src/macos/fdesetup.ts';
import { parseAttach, parseDetach, parseHdiutilInfo } from '../../apps/agent/src/macos/hdiutil.ts';
import { parseInstaller } from '../../apps/agent/src/macos/installer.ts';
import { parseIoreg } from '../../apps/agent/src/macos/ioreg.ts';
import { parseInspect, parseShowLoaded } from '../../apps/agent/src/macos/kmutil.ts';
import { parseNvram } from '../../apps/agent/src/macos/nvram.ts';
import { parseCheckSignature } from '../../apps/agent/src/macos/pkgutil.ts';
import { parsePlist } from '../../apps/agent/src/macos/plist.ts';
import { parseProfiles } from '../../apps/agent/src/macos/profiles.ts';
import type { Reading } from '../../apps/agent/src/macos/reading.ts';
import { parseSoftwareUpdate } from '../../apps/agent/src/macos/softwareupdate.ts';
import { parseSwVers } from '../../apps/agent/src/macos/sw-vers.ts';
import { parseSysctl } from '../../apps/agent/src/macos/sysctl.ts';
import { parseHardware, parseShownPolicy } from '../../apps/agent/src/macos/system-profiler.ts';
import type { Output } from '../../apps/agent/src/macos/tool.ts';
import { parseUname } from '../../apps/agent/src/macos/uname.ts';

/** `ps` is left out: any list of lines is a list of processes. */
export const PARSERS: Readonly<Record<string, (output: Output) => Reading<unknown>>> = {
  apfsList: diskutil.parseApfsList,
  attach: parseAttach,
  authenticatedRoot: parseAuthenticatedRoot,
  bputil: (output) => parseBputil(output, null),
  checkSignature: parseCheckSignature,
  csrutil: parseCsrutil,
  detach: parseDetach,
  df: parseDf,
  fdesetup: parseFdesetup,
  hardware: parseHardware,
  hdiutilInfo: parseHdiutilInfo,
  inspect: parseInspect,
  installer: parseInstaller,
  ioreg: parseIoreg,
  listUsers: diskutil.parseListUsers,
  nvram: (output) => parseNvram(output, 'boot-args'),
  plist: ({ stdout }) => parsePlist(stdout),
  profiles: parseProfiles,
  showLoaded: parseShowLoaded,
  shownPolicy: parseShownPolicy,
  softwareUpdate: parseSoftwareUpdate,
  swVers: parseSwVers,
  sysctl: (output) => parseSysctl(output, ['kern.osbuildconfig', 'kern.bootargs', 'kern.hv_vmm_present']),
  uname: parseUname,
  volumeGroups: diskutil.parseVolumeGroups,
  volumeInfo: diskutil.parseInfo,
};

/** Names of the parsers that take this output for an answer. */
export function acceptedBy(output: Output): readonly string[] {
  return Object.entries(PARSERS).flatMap(([name, parse]) => (parse(output).ok ? [name] : []));
}
