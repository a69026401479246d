/** headroom-agent: the command line of the agent. Exit status: 0 done, 1 failed or refused, 2 wrong command line. */
import './engine.ts';
import { AgentError, explain } from './agent-error.ts';
import { applyPlan } from './cli/apply-plan.ts';
import { type Command, type Options, readCommandLine } from './cli/arguments.ts';
import { doctor } from './cli/doctor.ts';
import { enroll } from './cli/enroll.ts';
import { facts } from './cli/facts.ts';
import { prepare } from './cli/prepare.ts';
import { run } from './cli/run.ts';
import { status } from './cli/status.ts';
import { isDenied, USAGE, UsageError } from './cli/usage.ts';
import { witness } from './cli/witness.ts';
import { AGENT_VERSION } from './version.ts';

const COMMANDS: Readonly<Record<Command, (options: Options) => Promise<number>>> = {
  run,
  facts,
  enroll,
  status,
  doctor,
  'apply-plan': applyPlan,
  prepare,
  witness,
};

async function main(args: readonly string[]): Promise<number> {
  try {
    const { command, options } = readCommandLine(args);
    if (command !== null) return await COMMANDS[command](options);
    process.stdout.write(`${options.version ? AGENT_VERSION : USAGE}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof AgentError ? explain(error) : messageOf(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

function messageOf(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${USAGE}`;
  if (isDenied(error)) return `${error.message}\n  Next: run it as root (sudo).`;
  return error instanceof Error ? error.message : String(error);
}

process.umask(0o022);
main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
  // Sockets and watchers must not hold the process once its command is done and its output is out.
  process.stdout.write('', () => process.exit());
});
