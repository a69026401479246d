/** `mac-sim kdk`: makes a simulated KDK image. */
import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type KdkOptions, SIGNATURES, type Signature, writeKdkImage } from './kdk-image.ts';

export const KDK_USAGE =
  'mac-sim kdk --os 14.5 --build 23F79 --out FOLDER [--variants T6020,T8112] [--no-quota-support] ' +
  `[--signature ${SIGNATURES.join('|')}] [--unsigned] [--package-id ID] [--json]`;

/** Prints path, size and sha256 of the image; returns the exit status. */
export function kdkCommand(
  args: readonly string[],
  print: (text: string) => void = (text) => console.log(text),
): number {
  const { values } = parseArgs({
    args: [...args],
    options: {
      os: { type: 'string' },
      build: { type: 'string' },
      out: { type: 'string' },
      variants: { type: 'string' },
      signature: { type: 'string' },
      unsigned: { type: 'boolean' },
      'package-id': { type: 'string' },
      'no-quota-support': { type: 'boolean' },
      json: { type: 'boolean' },
    },
  });
  const { os, build, out } = values;
  if (os === undefined || build === undefined || out === undefined) {
    throw new Error(`--os, --build and --out are needed. Usage: ${KDK_USAGE}`);
  }
  const packageId = values['package-id'];
  const variants = values.variants?.split(',').map((variant) => variant.trim().toUpperCase());
  for (const variant of variants ?? []) {
    if (!/^[A-Z0-9]{3,12}$/.test(variant))
      throw new Error(`--variants: "${variant}" is no variant; expected e.g. T6020`);
  }
  const options: KdkOptions = {
    os,
    build,
    signature: values.unsigned === true ? 'none' : signatureOf(values.signature ?? 'apple'),
    quotaSupport: values['no-quota-support'] !== true,
    ...(variants === undefined ? {} : { variants }),
    ...(packageId === undefined ? {} : { packageId }),
  };
  mkdirSync(out, { recursive: true });
  const image = writeKdkImage(out, options);
  print(
    values.json === true ? JSON.stringify(image) : `${image.path}\n  ${image.sizeBytes} bytes, sha256 ${image.sha256}`,
  );
  return 0;
}

function signatureOf(text: string): Signature {
  const known = SIGNATURES.find((signature) => signature === text);
  if (known === undefined) throw new Error(`--signature: "${text}" is unknown; expected ${SIGNATURES.join(', ')}`);
  return known;
}
