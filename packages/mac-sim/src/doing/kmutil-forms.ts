/** What kmutil prints. Its codes differ between releases, so whoever reads it goes by the words. */
import { captured, documented, invented } from './forms.ts';

const domainError = (code: number, text: string): string => `Error Domain=KMErrorDomain Code=${code} "${text}"`;
const withUserInfo = (code: number, text: string): string =>
  `${domainError(code, text)} UserInfo={NSLocalizedDescription=${text}}\n`;

const LINKING = 'One or more binaries has an error which prevented linking.  See other errors.';

const SUCCESS_TAIL = `Merged LINKEDIT:
  weak bindings size:          0KB
  exports info size:           0KB
  bindings size:               0KB
  lazy bindings size:          0KB
  function starts size:       41KB
  data in code size:           0KB
  symbol table size:        3702KB (85348 exports, 87979 imports)
  symbol string pool size:  6465KB
LINKEDITS optimized from 30MB to 10MB
time to layout cache: 0ms
time to copy cached dylibs into buffer: 1ms
time to adjust segments for new split locations: 2ms
time to bind all images: 8ms
time to optimize Objective-C: 0ms
time to do stub elimination: 0ms
time to optimize LINKEDITs: 2ms
time to compute slide info: 1ms
time to compute UUID and codesign cache file: 1ms
`;

export const KMUTIL_FORMS = {
  noVariant: captured('kmutil/no-variant.stderr.txt', () => 'No variant specified, falling back to release\n'),
  inspectRow: captured(
    'kmutil/inspect-no-header-26.6.txt',
    (id: string, version: string, path: string) => `${id}\t${version}\t${path}\n`,
  ),
  inspectHeader: invented('header line of inspect', () => 'Bundle Identifier\tVersion\tPath\n'),
  createSuccess: captured('kmutil/create-success-tail.txt', () => SUCCESS_TAIL),
  missingKdk: captured(
    'kmutil/create-err-missing-kdk-34.stderr.txt',
    (build: string) =>
      `warning: unable to create release extension manager, expect errors\n${withUserInfo(
        34,
        `Missing Developer Kit: As of macOS 13.0, you will need to install a KDK matching your build ${build} to rebuild kernel collections.`,
      )}`,
  ),
  dependency: captured('kmutil/create-err-dependency.stderr.txt', (id: string, missing: string) =>
    withUserInfo(
      71,
      `Unable to resolve dependencies: '${id}' names a dependency on '${missing}', which was not found.`,
    ),
  ),
  unknownBundle: invented('bundle id that is in no repository', (id: string) =>
    withUserInfo(71, `Unable to resolve dependencies: '${id}' was not found.`),
  ),
  linking: captured(
    'kmutil/create-err-linking.stderr.txt',
    (id: string) =>
      `${LINKING}\n${domainError(
        31,
        `Error occurred while building a collection:
    1: ${LINKING}
    2: Could not use '${id}' because: Failed to bind '_kern_packet_set_fpd_command' in '${id}' (at offset 0x7f8 in __DATA_CONST, __auth_got) as could not find a kext which exports this symbol`,
      )}\n`,
  ),
  kernelPath: captured('kmutil/create-err-invalid-kernel-path.stderr.txt', () => 'Invalid argument: kernel path\n'),
  kernelMachO: invented(
    'kernel file of another architecture, or damaged',
    (path: string) =>
      `${domainError(71, `Could not find: kernel mach-o not found for architecture arm64e in ${path}`)}\n`,
  ),
  readOnly: captured('kmutil/create-err-read-only.stderr.txt', () => `${domainError(30, 'Read-only file system')}\n`),
  noFolder: invented(
    'output folder missing',
    (folder: string) => `${domainError(2, `No such file or directory: ${folder}`)}\n`,
  ),
  diskFull: invented('disk full', () => `${domainError(28, 'No space left on device')}\n`),
  configureBootInMacos: captured(
    'kmutil/configure-boot-from-macos.stderr.txt',
    () => 'configure-boot must be run from macOS Recovery\n',
  ),
  usage: documented(
    'argument parser of kmutil(8), status 64',
    (what: string) => `Error: ${what}\nUsage: kmutil <subcommand>\n`,
  ),
};
