/** ps and kmutil showloaded: what runs and what is loaded. */
import type { Boot, SimState } from '../state-model.ts';
import { lines, type Output } from './output.ts';

/** One process per guest, macOS and Linux alike: nothing in `ps` tells them apart. */
const GUEST_PROCESS =
  '/System/Library/Frameworks/Virtualization.framework/Versions/A/XPCServices/com.apple.Virtualization.VirtualMachine.xpc/Contents/MacOS/com.apple.Virtualization.VirtualMachine';

const ALWAYS: readonly (readonly [pid: number, path: string])[] = [
  [1, '/sbin/launchd'],
  [88, '/usr/libexec/logd'],
  [91, '/usr/libexec/UserEventAgent'],
  [140, '/usr/sbin/systemstats'],
];

export function psOutputs(state: SimState): readonly Output[] {
  const all = [...ALWAYS, ...state.guests.map(({ pid }) => [pid, GUEST_PROCESS] as const)];
  const paths = all.map(([, path]) => path);
  const numbered = all.map(([pid, path]) => `${String(pid).padStart(5)} ${path}`);
  const forms: readonly (readonly [format: string, out: string])[] = [
    ['comm=', lines(...paths)],
    ['comm', lines('COMM', ...paths)],
    ['pid=,comm=', lines(...numbered)],
    ['pid,comm', lines('  PID COMM', ...numbered)],
    ['command=', lines(...paths)],
  ];
  return forms.flatMap(([format, out]) =>
    [`-axo ${format}`, `-ax -o ${format}`, `-A -o ${format}`, `-axww -o ${format}`, `-axwwo ${format}`].map((args) => ({
      tool: 'bin/ps',
      args,
      out,
      provenance: 'documented',
      source: 'ps(1); process name as public tools look for it',
    })),
  );
}

const KPI = ['bsd', 'dsep', 'iokit', 'kasan', 'libkern'] as const;
const REFERENCES = [142, 11, 170, 0, 175] as const;

/** `kmutil showloaded`: the kernel's own interfaces. With an auxiliary collection, the tool itself answers what is in it. */
export function showLoadedOutputs(state: SimState, boot: Boot): readonly Output[] {
  const head = 'Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>';
  const rows = KPI.map((name, index) => {
    const columns = `${String(index + 1).padStart(5)} ${String(REFERENCES[index]).padStart(4)}`;
    return `${columns} 0                  0          0          com.apple.kpi.${name} (${state.os.darwin}) ${boot.kernelUuid} <>`;
  });
  const out = (loaded: readonly string[], args: string): Output => ({
    tool: 'usr/bin/kmutil',
    args,
    out: lines(head, ...loaded),
    err: lines('No variant specified, falling back to release'),
    provenance: 'captured',
    source: 'kmutil/showloaded-11.5.txt, no-variant.stderr.txt',
  });
  return [
    out(rows, 'showloaded'),
    ...(state.policy.auxi === null ? ['aux', 'auxiliary'] : []).flatMap((name) =>
      [
        `showloaded --collection ${name}`,
        `showloaded --show ${name}`,
        `showloaded --list-only --collection ${name}`,
      ].map((args) => out([], args)),
    ),
  ];
}
