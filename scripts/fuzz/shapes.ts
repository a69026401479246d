/** What each parser may give, as its types say: TypeScript is gone when the parser runs. null = free-form, its keys are the input's own. */
import type { Shape } from './shape.ts';

const TEXT: Shape = { '': 'string' };
const TEXTS: Shape = { '': 'list', '[]': 'string' };
const BOOLEAN: Shape = { '': 'boolean' };

function record(fields: Shape, at = ''): Shape {
  const below = Object.entries(fields).map(([key, kinds]) => [`${at}.${key}`, kinds] as const);
  return { [at]: 'object', ...Object.fromEntries(below) };
}

function listOf(fields: Shape, at = ''): Shape {
  return { ...record(fields, `${at}[]`), [at]: 'list' };
}

const image: Shape = { device: 'string', mountPoint: 'string' };

export const SHAPES: Readonly<Record<string, Shape | null>> = {
  acl: TEXTS,
  apfsList: {
    ...listOf({ reference: 'string', freeBytes: 'number null' }),
    ...listOf({ device: 'string', uuid: 'string', name: 'string null' }, '[].systems'),
    '[].systems': 'list null',
  },
  attach: record(image),
  authenticatedRoot: BOOLEAN,
  bootTime: TEXT,
  bputil: record({
    group: 'string null',
    securityMode: 'string null',
    customKernel: 'string null',
    bootArgsFiltering: 'boolean null',
    sip0: 'string null',
    paired: 'boolean null',
    auxiliaryKexts: 'boolean null',
    environment: 'string null',
  }),
  checkSignature: {
    ...record({ status: 'string' }),
    ...listOf({ name: 'string', fingerprint: 'string null' }, '.chain'),
  },
  createFailure: { '': 'string null' },
  csrutil: { ...record({ status: 'string', flags: 'object null' }), '.flags.*': 'boolean' },
  detach: TEXT,
  df: record({ device: 'string', sizeBytes: 'number', availableBytes: 'number' }),
  enforced: listOf({ version: 'string', build: 'string null', at: 'string' }),
  fdesetup: TEXT,
  guestProcesses: { '': 'number' },
  hardware: record({ chip: 'string null', model: 'string null', uuid: 'string null', serial: 'string null' }),
  hdiutilInfo: listOf({ ...image, mountPoint: 'string null', imagePath: 'string' }),
  inspect: listOf({ id: 'string', version: 'string', path: 'string' }),
  installer: record({ packageName: 'string null', how: 'string' }),
  ioreg: record({ uuid: 'string null', serial: 'string null', model: 'string null' }),
  listUsers: listOf({ uuid: 'string', type: 'string', volumeOwner: 'boolean null' }),
  nvram: record({ present: 'boolean', value: 'string' }),
  outsidePackages: TEXTS,
  packageInfo: TEXT,
  packages: TEXTS,
  payloadKernels: TEXTS,
  plist: null,
  profiles: record({ enrolled: 'boolean', userApproved: 'boolean null', automated: 'boolean null' }),
  readFileset: {
    ...record({
      uuid: 'string',
      cpuSubtype: 'number',
      arm64e: 'boolean',
      sizeBytes: 'number',
      bundles: 'number',
      kernelVersionText: 'string null',
    }),
    ...listOf({ id: 'string', uuid: 'string null' }, '.entries'),
  },
  readKernelFile: record({
    uuid: 'string null',
    cpuSubtype: 'number',
    arm64: 'boolean',
    versionText: 'string null',
    namesQuotaArgument: 'boolean',
  }),
  receipt: {
    ...record({
      visitId: 'string',
      nonce: 'string',
      writtenAt: 'string',
      steps: 'object',
      customKernel: 'string null',
      outcome: 'string',
    }),
    '.steps.*': 'number',
  },
  recoveryAdmins: listOf({ user: 'string', uuid: 'string' }),
  settings: { ...record({ autoInstall: 'boolean null', deferralDays: 'number null' }), '': 'object null' },
  showLoaded: listOf({ id: 'string', version: 'string', uuid: 'string null' }),
  shownPolicy: record({ securityMode: 'string null', sipEnabled: 'boolean null', bootArgsFiltering: 'boolean null' }),
  softwareUpdate: listOf({ label: 'string', title: 'string', version: 'string', build: 'string null' }),
  swVers: record({ version: 'string', build: 'string', extra: 'string' }),
  sysctl: record({ 'kern.osbuildconfig': 'string', 'kern.bootargs': 'string', 'kern.hv_vmm_present': 'string' }),
  uname: record({
    config: 'string',
    variant: 'string',
    appleSilicon: 'boolean',
    darwin: 'string',
    xnu: 'string null',
    versionText: 'string',
  }),
  volumeGroups: listOf({ uuid: 'string', name: 'string null', system: 'string null', data: 'string null' }),
  volumeInfo: record({
    device: 'string',
    name: 'string null',
    uuid: 'string null',
    isSnapshot: 'boolean',
    group: 'string null',
    container: 'string null',
    containerFreeBytes: 'number null',
    internal: 'boolean null',
  }),
};
