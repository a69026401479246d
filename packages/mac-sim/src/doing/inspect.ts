/** kmutil inspect: what the release collection holds. */
import { loadState } from '../state.ts';
import { BUNDLES, THIRD_PARTY_BUNDLE, UNLINKABLE_BUNDLES } from './bundles.ts';
import { type Program, Refusal } from './io.ts';
import { installedKdks } from './kdks.ts';
import { KMUTIL_FORMS } from './kmutil-forms.ts';
import { placeSystemExtensions, SYSTEM_EXTENSIONS } from './system-extensions.ts';

/** Rows name the KDK's copy of a bundle when the matching KDK is there, else the system's. */
export const inspect: Program = ({ root, args, io }) => {
  const { os } = loadState(root);
  const options = parse(args);
  placeSystemExtensions(root, os);
  if (!options.has('--variant-suffix')) io.err(KMUTIL_FORMS.noVariant.text());
  if (!options.has('--no-header')) io.out(KMUTIL_FORMS.inspectHeader.text());
  const kdk = installedKdks(root).find(({ build }) => build === os.baseBuild);
  const kdkExtensions = kdk === undefined ? SYSTEM_EXTENSIONS : `${kdk.path}${SYSTEM_EXTENSIONS}`;
  for (const { id, version, path, home } of [...BUNDLES, ...UNLINKABLE_BUNDLES]) {
    io.out(KMUTIL_FORMS.inspectRow.text(id, version, `${home === 'kdk' ? kdkExtensions : SYSTEM_EXTENSIONS}/${path}`));
  }
  const { id, version, path } = THIRD_PARTY_BUNDLE;
  io.out(KMUTIL_FORMS.inspectRow.text(id, version, `/Library/Extensions/${path}`));
  return 0;
};

/** Option names seen; `-V` takes `release` alone: there is no other collection to inspect. */
function parse(args: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (arg === '--no-header') seen.add(arg);
    else if ((arg === '-V' || arg === '--variant-suffix') && args[at + 1] === 'release') {
      seen.add('--variant-suffix');
      at += 1;
    } else throw new Refusal(KMUTIL_FORMS.usage.text(`Unknown option or value '${arg}'`), 64);
  }
  return seen;
}
