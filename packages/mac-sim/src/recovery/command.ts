/** `mac-sim recovery DIR [--shell SHELL] [--person FILE] -- LINE`: takes a simulated Mac through recoveryOS. */
import { parseArgs } from 'node:util';
import { readPersonFile } from './person.ts';
import { recoverySession } from './session.ts';

export const RECOVERY_USAGE = `mac-sim recovery DIR [--shell SHELL] [--person FILE] [--double-press] -- LINE

Takes the simulated Mac to recoveryOS, where a person types LINE on a pseudo-terminal and answers what is asked.
  --shell SHELL    dash (default), "bash --posix", "busybox ash" or mksh
  --person FILE    JSON: {"rules": [{"when": "regular expression", "type": "text", "secret": true, "times": 1,
                   "afterMs": 100, "powerCut": true}], "timeoutMs": 60000, "defaults": false}
                   The default person, who follows unless "defaults" is false, says y, and is an owner with the password.
  --double-press   fallback recovery, which is not paired with the system
Exit status: 0 when the session ended by restart or shutdown, 1 otherwise, 2 when the command is wrong.
`;

export async function recoveryCommand(args: readonly string[]): Promise<number> {
  const options = readArguments(args);
  if (options === null) {
    process.stderr.write(RECOVERY_USAGE);
    return 2;
  }
  const { dir, line, shell, personFile, paired } = options;
  try {
    const { exitCode, reason } = await recoverySession({
      dir,
      line,
      shell,
      paired,
      ...(personFile === undefined ? {} : { person: readPersonFile(personFile) }),
      onOutput: (text) => process.stdout.write(text),
    });
    if (reason !== null) process.stderr.write(`\nmac-sim recovery: ${dir}: ${reason}\n`);
    return exitCode;
  } catch (error) {
    process.stderr.write(`mac-sim recovery: ${dir}: ${(error as Error).message}\n`);
    return 1;
  }
}

function readArguments(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { shell: { type: 'string' }, person: { type: 'string' }, 'double-press': { type: 'boolean' } },
    });
    const [dir, ...words] = positionals;
    if (dir === undefined || words.length === 0) return null;
    return {
      dir,
      line: words.join(' '),
      shell: values.shell ?? 'dash',
      personFile: values.person,
      paired: values['double-press'] !== true,
    };
  } catch {
    return null;
  }
}
