/** nvram, reading: forms that show more than one variable; one variable alone is read straight from its own file. */
import { nvramAll, type SimState } from '../state-model.ts';
import { lines, type Output } from './output.ts';
import { dict, plist } from './plist.ts';

const NVRAM = 'usr/sbin/nvram';

export function nvramOutputs(state: SimState): readonly Output[] {
  const all = nvramAll(state);
  const xml = (entries: readonly (readonly [string, string])[]): string => plist(dict(Object.fromEntries(entries)));
  const documented = { tool: NVRAM, provenance: 'documented', source: 'nvram/x-boot-args.plist' } as const;
  return [
    {
      tool: NVRAM,
      args: '-p',
      out: lines(...all.map(([name, value]) => `${name}\t${value}`)),
      provenance: 'captured',
      source: 'nvram/p-excerpt-boot-volume.txt',
    },
    ...['-x -p', '-xp'].map((args): Output => ({ ...documented, args, out: xml(all) })),
    ...all.map(([name, value]): Output => ({ ...documented, args: `-x ${name}`, out: xml([[name, value]]) })),
  ];
}

/** Row for the provenance table: `nvram NAME`. */
export function nvramVariableOutputs(state: SimState): readonly Output[] {
  return nvramAll(state).map(([name, value]) => ({
    tool: NVRAM,
    args: name,
    out: `${name}\t${value}\n`,
    provenance: 'captured',
    source: 'nvram/boot-args-*.txt',
  }));
}
