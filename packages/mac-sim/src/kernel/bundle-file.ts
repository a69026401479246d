/** The binary of a simulated kernel extension: small, with its own LC_UUID and its bundle id inside. */
import { ARM64E_KERNEL, MH_KEXT_BUNDLE } from './format.ts';
import { uuidOf } from './identity.ts';
import { buildImage, CODE_PROTECTION, S_CSTRING_LITERALS } from './image.ts';

const MH_DYLDLINK = 0x4;

export interface BundleFileSpec {
  readonly id: string;
  readonly version: string;
  readonly build: string;
  readonly osVersion: string;
}

export function buildBundleFile({ id, version, build, osVersion }: BundleFileSpec): Buffer {
  return buildImage({
    cpu: ARM64E_KERNEL,
    fileType: MH_KEXT_BUNDLE,
    flags: MH_DYLDLINK,
    baseAddress: 0n,
    uuid: uuidOf('bundle', id, version, build),
    sourceVersion: version,
    osVersion,
    segments: [
      {
        name: '__TEXT',
        protection: CODE_PROTECTION,
        sections: [
          { name: '__cstring', flags: S_CSTRING_LITERALS, data: Buffer.from(`${id}\0${version}\0${build}\0`) },
        ],
      },
    ],
    symbols: ['_kmod_info'],
  });
}
