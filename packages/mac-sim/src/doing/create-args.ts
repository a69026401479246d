/** Arguments of `kmutil create`, parsed strictly: the names of the manual page, nothing else. */
import { Refusal } from './io.ts';
import { KMUTIL_FORMS } from './kmutil-forms.ts';

export interface CreateArgs {
  readonly arch: string;
  readonly variantSuffix: string | null;
  readonly bootPath: string;
  readonly kernel: string;
  readonly repositories: readonly string[];
  readonly bundleIds: readonly string[];
  readonly explicitOnly: boolean;
  readonly appendVariant: boolean;
  readonly allowMissingKdk: boolean;
  /** KDK folder or build named on the command line. */
  readonly kdk: string | null;
  readonly build: string | null;
}

const VALUED = [
  ['-V', '--variant-suffix'],
  ['-a', '--arch'],
  ['-r', '--repository'],
  ['--build'],
  ['--sdk'],
  ['--kdk'],
  ['-b', '--bundle-identifier'],
  ['--elide-identifier'],
  ['-n', '--new'],
  ['-k', '--kernel'],
  ['-B', '--boot-path'],
] as const;

const FLAGS = [
  ['-z', '--no-authorization'],
  ['-x', '--explicit-only'],
  ['--no-variant-extension'],
  ['--force'],
  ['--allow-missing-kdk'],
] as const;

export function parseCreateArgs(args: readonly string[]): CreateArgs {
  const values = new Map<string, string[]>();
  const flags = new Set<string>();
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    const valued = VALUED.find((names) => (names as readonly string[]).includes(arg))?.at(-1);
    const flag = FLAGS.find((names) => (names as readonly string[]).includes(arg))?.at(-1);
    if (flag !== undefined) flags.add(flag);
    else if (valued === undefined) throw usage(`Unknown option '${arg}'`);
    else {
      const value = args[++at];
      if (value === undefined) throw usage(`Missing value for '${arg}'`);
      values.set(valued, [...(values.get(valued) ?? []), value]);
    }
  }
  const all = (name: string): readonly string[] => values.get(name) ?? [];
  const last = (name: string): string | null => all(name).at(-1) ?? null;
  const required = (name: string): string => {
    const value = last(name);
    if (value === null) throw usage(`Missing expected argument '${name}'`);
    return value;
  };
  if (required('--new') !== 'boot') throw usage(`This Mac builds boot collections only, asked for '${last('--new')}'`);
  const elided = all('--elide-identifier');
  return {
    arch: required('--arch'),
    variantSuffix: last('--variant-suffix'),
    bootPath: required('--boot-path'),
    kernel: required('--kernel'),
    repositories: all('--repository'),
    bundleIds: all('--bundle-identifier').filter((id) => !elided.includes(id)),
    explicitOnly: flags.has('--explicit-only'),
    appendVariant: !flags.has('--no-variant-extension'),
    allowMissingKdk: flags.has('--allow-missing-kdk'),
    kdk: last('--kdk'),
    build: last('--build'),
  };
}

function usage(what: string): Refusal {
  return new Refusal(KMUTIL_FORMS.usage.text(what), 64);
}
