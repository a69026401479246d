/**
 * Kernel extensions of the simulated systems. Ids are those of real macOS; versions and dependencies are invented, except
 * the three rows of the capture kmutil/inspect-no-header-26.6.txt. A real system has several hundred.
 */

export interface BundleRow {
  readonly id: string;
  readonly version: string;
  /** Below an Extensions folder. */
  readonly path: string;
  /** Ids this one links against; `com.apple.kpi.` names are the kernel's own. */
  readonly dependencies: readonly string[];
  /** `kdk`: in the KDK and on the system. `system`: on the system alone, as a KDK never holds everything. */
  readonly home: 'kdk' | 'system';
  /** No executable: named in the collection, without an image in it. */
  readonly codeless?: true;
}

const KPI = ['com.apple.kpi.iokit', 'com.apple.kpi.libkern'] as const;

function row(
  id: string,
  version: string,
  dependencies: readonly string[] = [],
  path = `${id.split('.').at(-1)}.kext`,
  home: BundleRow['home'] = 'kdk',
): BundleRow {
  return { id, version, path, dependencies: [...KPI, ...dependencies], home };
}

function family(name: string, version: string, dependencies: readonly string[] = []): BundleRow {
  return row(`com.apple.iokit.${name}`, version, dependencies);
}

function driver(name: string, version: string, dependencies: readonly string[] = []): BundleRow {
  return row(`com.apple.driver.${name}`, version, dependencies);
}

const PCI = 'com.apple.iokit.IOPCIFamily';
const STORAGE = 'com.apple.iokit.IOStorageFamily';
const NETWORK = 'com.apple.iokit.IONetworkingFamily';
const SKYWALK = 'com.apple.iokit.IOSkywalkFamily';
const USB = 'com.apple.iokit.IOUSBHostFamily';
const HID = 'com.apple.iokit.IOHIDFamily';
const AUDIO = 'com.apple.iokit.IOAudioFamily';
const ARM = 'com.apple.driver.AppleARMPlatform';
const MAILBOX = 'com.apple.driver.AppleA7IOP';
const RTBUDDY = 'com.apple.driver.RTBuddy';

/** A programming interface of the kernel: a bundle without code, whose symbols are the kernel's own. */
function kernelInterface(name: string, folder: string): BundleRow {
  const path = `System.kext/Contents/PlugIns/${folder}.kext`;
  return { id: `com.apple.kpi.${name}`, version: '23.5.0', path, dependencies: [], home: 'kdk', codeless: true };
}

export const BUNDLES: readonly BundleRow[] = [
  family('IOPCIFamily', '2.9'),
  family('IOStorageFamily', '2.1'),
  family('IONetworkingFamily', '3.4'),
  family('IOSkywalkFamily', '1.0', [NETWORK]),
  family('IOUSBHostFamily', '1.2'),
  family('IOHIDFamily', '2.0.0'),
  family('IOAudioFamily', '500.4'),
  family('IOGraphicsFamily', '597', [PCI]),
  family('IOMobileGraphicsFamily', '343.0.0'),
  family('IONVMeFamily', '2.1.0', [PCI, STORAGE]),
  family('IOReportFamily', '47'),
  family('IOSurface', '372.5.2'),
  family('IOThunderboltFamily', '9.3.3', [PCI]),
  family('IOTimeSyncFamily', '1340.12', [NETWORK]),
  family('IOUSBMassStorageDriver', '245', [USB, STORAGE]),
  family('IOBluetoothFamily', '9.0.0', [USB]),
  family('IO80211Family', '1200.13.0', [SKYWALK]),
  family('IOAVFamily', '1.0.0', [AUDIO]),
  family('IOCryptoAcceleratorFamily', '1.0.1'),
  family('IOSlaveProcessor', '1.0.0'),
  family('IODARTFamily', '1'),
  family('IOGPUFamily', '104.4.1', ['com.apple.iokit.IOSurface']),
  family('EndpointSecurity', '1'),
  driver('AppleARMPlatform', '1.0.2'),
  driver('AppleA7IOP', '1.0.2', [ARM]),
  driver('RTBuddy', '1.0.0', [MAILBOX]),
  driver('AppleSMC', '3.1.9', [RTBUDDY]),
  driver('AppleANS3NVMeController', '1.0.0', ['com.apple.iokit.IONVMeFamily', RTBUDDY]),
  driver('AppleEmbeddedPCIE', '1', [PCI, ARM]),
  driver('AppleInterruptControllerV3', '1.0.0', [ARM]),
  driver('AppleT8103PMGR', '1', [ARM]),
  driver('AppleSPMI', '1.0.1', [ARM]),
  driver('AppleSEPManager', '1.0.1', [MAILBOX]),
  driver('AppleDCP', '1', ['com.apple.iokit.IOMobileGraphicsFamily', RTBUDDY]),
  driver('AppleTypeCPhy', '1', [USB]),
  driver('AppleUSBXHCIARM', '1', [USB, ARM]),
  driver('AppleHIDKeyboard', '228', [HID]),
  driver('AppleTopCaseHIDEventDriver', '7400.18', [HID]),
  driver('AppleBCMWLANCore', '1.0.0', ['com.apple.iokit.IO80211Family']),
  driver('AppleBSDKextStarter', '3'),
  driver('AppleMobileFileIntegrity', '1.0.5'),
  driver('AppleImage4', '7.0.0'),
  driver('AppleAVE2', '740.25.1', ['com.apple.iokit.IOSurface']),
  driver('AppleHV', '1'),
  driver('AppleARMWatchdogTimer', '1', [ARM]),
  row('com.apple.driver.AppleFileSystemDriver', '3.0.1', [STORAGE]),
  row('com.apple.iokit.IOAVBFamily', '1440.7', [NETWORK]),
  row(
    'com.apple.plugin.IOAVBControlPlugin',
    '1440.7',
    ['com.apple.iokit.IOAVBFamily'],
    'IOAVBFamily.kext/Contents/PlugIns/IOAVBControlPlugin.kext',
  ),
  row('com.apple.driver.AppleEmbeddedAudio', '940.17', [AUDIO]),
  row(
    'com.apple.driver.AppleCS42L84Audio',
    '940.17',
    ['com.apple.driver.AppleEmbeddedAudio'],
    'AppleEmbeddedAudio.kext/Contents/PlugIns/AppleCS42L84Audio.kext',
  ),
  row('com.apple.filesystems.apfs', '2317.1.1', [STORAGE], 'apfs.kext'),
  row('com.apple.filesystems.hfs.kext', '683.100.9', [STORAGE], 'HFS.kext'),
  row('com.apple.security.sandbox', '300.0', ['com.apple.kpi.dsep'], 'Sandbox.kext'),
  row('com.apple.kec.corecrypto', '12.0', ['com.apple.kpi.bsd'], 'corecrypto.kext'),
  row(
    'com.apple.AppleFSCompression.AppleFSCompressionTypeZlib',
    '1.0.0',
    [],
    'AppleFSCompressionTypeZlib.kext',
    'system',
  ),
  row('com.apple.nke.applicationfirewall', '404', ['com.apple.kpi.bsd'], 'ALF.kext', 'system'),
  kernelInterface('bsd', 'BSDKernel'),
  kernelInterface('iokit', 'IOKit'),
  kernelInterface('libkern', 'Libkern'),
];

/**
 * Listed in the release collection but impossible to link here: they depend on something that is in no repository. Kept
 * out by everybody who builds a collection (`grep -v SEPHiber`).
 */
export const UNLINKABLE_BUNDLES: readonly BundleRow[] = [
  row(
    'com.apple.driver.AppleSEPHibernation',
    '1',
    ['com.apple.driver.AppleSEPHiberSupport'],
    'AppleSEPHibernation.kext',
    'system',
  ),
  row(
    'com.apple.driver.AppleSEPHiberProxy',
    '1',
    ['com.apple.driver.AppleSEPHiberSupport'],
    'AppleSEPHiberProxy.kext',
    'system',
  ),
];

/** One kext that is not Apple's; lives in /Library/Extensions, where no repository of a boot collection looks. */
export const THIRD_PARTY_BUNDLE: BundleRow = row(
  'com.example.filter.PacketFilter',
  '2.1.0',
  [NETWORK],
  'PacketFilter.kext',
  'system',
);
