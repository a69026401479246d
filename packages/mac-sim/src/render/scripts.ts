/**
 * The tools themselves: POSIX sh over rendered files, so that a call costs a millisecond and needs nothing from the
 * environment. Each finds its Mac from its own absolute path. Only what changes state starts Node.
 */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { BOOT_NAMESPACE_GUID } from '../state-model.ts';
import { DATA_MOUNT, DF } from './disk-tools.ts';
import type { Output } from './output.ts';

/** Bundled entry of the tools that change state; the same file whether this module runs from `src`, `dist` or a bundle. */
const TOOL_ENTRY = fileURLToPath(new URL('../../dist/tools/nvram.js', import.meta.url));

/** Name of the file of one argument form; it stays the same when other forms come and go. */
export function outputFile(args: string): string {
  return createHash('sha256').update(args).digest('hex').slice(0, 12);
}

/** `case` branches that print the rendered outputs of one tool. */
function branches(outputs: readonly Output[]): string {
  return outputs.map(({ args, status = 0 }) => `  ${quote(args)}) show ${outputFile(args)} ${status} ;;`).join('\n');
}

/** A tool whose forms all come from the table. */
export function tableScript(tool: string, outputs: readonly Output[], before = ''): string {
  return `${head(tool)}${before}case "$*" in\n${branches(outputs)}\n${unknownForm(tool)}esac\n`;
}

export function sysctlScript(): string {
  const tool = 'usr/sbin/sysctl';
  return `${head(tool)}bare=
status=0
for name; do
  case $name in
  -n) bare=1 ;;
  -*|*=*|*/*) ${notSimulated(tool, '$name')} ;;
  *)
    if [ -f "$out/${tool}/$name" ]; then
      IFS= read -r value <"$out/${tool}/$name" || :
      if [ "$bare" ]; then printf '%s\\n' "$value"; else printf '%s: %s\\n' "$name" "$value"; fi
    else
      printf "sysctl: unknown oid '%s'\\n" "$name" >&2
      status=1
    fi ;;
  esac
done
exit "$status"
`;
}

export function nvramScript(outputs: readonly Output[]): string {
  const tool = 'usr/sbin/nvram';
  return `${head(tool)}case "$*" in
${branches(outputs)}
  -*|*=*) ${runNode('nvram')} ;;
  *' '*|*/*|'') ${notSimulated(tool, '$*')} ;;
  *)
    name=\${1#${BOOT_NAMESPACE_GUID}:}
    if [ -f "$out/${tool}/variables/$name" ]; then
      IFS= read -r value <"$out/${tool}/variables/$name" || :
      printf '%s\\t%s\\n' "$1" "$value"
    else
      printf "nvram: Error getting variable - '%s': (iokit/common) data was not found\\n" "$1" >&2
      exit 1
    fi ;;
esac
`;
}

/** kmutil: what is loaded is rendered, everything else belongs to the tools that build and install. */
export function kmutilScript(outputs: readonly Output[], otherEntry: string): string {
  return `${head('usr/bin/kmutil')}case "$*" in
${branches(outputs)}
  *) exec ${quote(process.execPath)} ${quote(otherEntry)} kmutil "$root" "$@" ;;
esac
`;
}

/** A tool that only changes things. */
export function nodeScript(tool: string, entry: string): string {
  return `${head(tool)}exec ${quote(process.execPath)} ${quote(entry)} ${tool.split('/').at(-1)} "$root" "$@"\n`;
}

/** Every folder that is not on the system volume lies on Data. */
export function dfScript(outputs: readonly Output[]): string {
  return `${head(DF)}case "$*" in
${branches(outputs)}
  '-k /'*) show ${outputFile(`-k ${DATA_MOUNT}`)} 0 ;;
  '-kP /'*) show ${outputFile(`-kP ${DATA_MOUNT}`)} 0 ;;
${unknownForm(DF)}esac
`;
}

/** diskutil answers a volume that it does not know with a plist of its own. */
export function diskutilScript(outputs: readonly Output[]): string {
  const tool = 'usr/sbin/diskutil';
  return `${head(tool)}case "$*" in
${branches(outputs)}
  'info -plist '*)
    shift 2
    printf '%s\\n' '<?xml version="1.0" encoding="UTF-8"?>' \\
      '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">' \\
      '<plist version="1.0">' '<dict>' '\t<key>Error</key>' '\t<true/>' '\t<key>ErrorMessage</key>' \\
      "\t<string>Could not find disk: $*</string>" '\t<key>ExitCode</key>' '\t<integer>1</integer>' '</dict>' '</plist>'
    exit 1 ;;
${unknownForm(tool)}esac
`;
}

/** A tool that misbehaves on request. */
export function faultyScript(tool: string, fault: 'fails' | 'hangs'): string {
  if (fault === 'hangs') return '#!/bin/sh\nexec /bin/sleep 3600\n';
  return `#!/bin/sh\nprintf '%s\\n' '/${tool}: broken on request' >&2\nexit 1\n`;
}

/** Unless the caller is root, as root tools check; every caller counts as root unless the variable says otherwise. */
export function rootCheck(message: string): string {
  return `[ "\${HEADROOM_SIM_UID:-0}" = 0 ] || { printf '%s\\n' ${quote(message)} >&2; exit 1; }\n`;
}

function head(tool: string): string {
  const name = tool.split('/').at(-1) ?? tool;
  return `#!/bin/sh
# Simulated ${name}: prints what mac-sim rendered from the state of this Mac.
root=\${0%/${tool}}
out=$root/.mac-sim/out
[ -f "$out/up" ] || { echo "${name}: this simulated Mac is not running macOS (call it by its absolute path)" >&2; exit 69; }
show() {
  [ ! -f "$out/${tool}/$1.err" ] || /bin/cat "$out/${tool}/$1.err" >&2
  [ "$2" != 0 ] || exec /bin/cat "$out/${tool}/$1.out"
  /bin/cat "$out/${tool}/$1.out"
  exit "$2"
}
`;
}

function runNode(command: string): string {
  return `exec ${quote(process.execPath)} ${quote(TOOL_ENTRY)} ${command} "$root" "$@"`;
}

function unknownForm(tool: string): string {
  return `  *) ${notSimulated(tool, '$*')} ;;\n`;
}

/** An honest refusal: no guess at what a Mac would print. */
function notSimulated(tool: string, shown: string): string {
  return `printf 'mac-sim: /${tool} with these arguments is not simulated: %s\\n' "${shown}" >&2; exit 64`;
}

export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
