/** headroom-controller: the command line of the controller. Exit status: 0 done, 1 failed, 2 wrong command line. */
import { logger } from './common/log.ts';
import { Problem } from './common/problem.ts';
import type { ControllerConfig } from './config/config.ts';
import { parseServeOptions, USAGE } from './config/parse.ts';
import type { RunningController } from './process/controller.ts';
import { type Ground, takeGround } from './process/ground.ts';

const log = logger('controller');

async function serve(args: readonly string[]): Promise<void> {
  const { config, exitWithParent } = parseServeOptions(args, process.env);
  const asked = endOf(exitWithParent);
  const ground = await takeGround(config);
  const controller = await Promise.race([start(config, ground), asked]);
  if (typeof controller === 'string') {
    log(`stopping before it was ready: ${controller}`);
    await ground.postgres?.stop();
    return;
  }
  const { apiUrl, enrolUrl, agentUrl, lost } = controller;
  process.stdout.write(`${JSON.stringify({ apiUrl, enrolUrl, agentUrl })}\n`);
  log(`ready: API ${apiUrl}, enrolment ${enrolUrl}, agents ${agentUrl}, state in ${config.stateDir}`);
  const problem = lost.then((reason) => new Problem('NOT_READY', reason));
  const end = await Promise.race([asked, problem]);
  log(`stopping: ${end instanceof Problem ? end.detail : end}`);
  await controller.stop();
  if (end instanceof Problem) throw end;
}

async function start(config: ControllerConfig, ground: Ground): Promise<RunningController> {
  const { startController } = await import('./process/controller.ts');
  return startController(config, ground);
}

/** Resolves with the reason when this process shall end. */
function endOf(exitWithParent: boolean): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve(signal));
    if (!exitWithParent) return;
    const gone = () => resolve('the parent process ended');
    process.stdin.once('end', gone).once('close', gone).once('error', gone).resume();
  });
}

/** Each makes files that nobody else may read: hence the umask. Each loads what it needs. */
const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  serve,
  export: async (args) => (await import('./data/commands.ts')).runExport(args, process.env),
  import: async (args) => (await import('./data/commands.ts')).runImport(args, process.env),
  'rotate-grant-key': async (args) => {
    process.stdout.write(await (await import('./keys/rotate-command.ts')).rotateGrantKey(args));
  },
  'retire-grant-key': async (args) => {
    process.stdout.write(await (await import('./keys/rotate-command.ts')).retireGrantKey(args));
  },
  'rotate-webhook-key': async (args) => {
    process.stdout.write(await (await import('./keys/rotate-command.ts')).rotateWebhookKey(args));
  },
};

async function usage(): Promise<string> {
  const { ROTATE_USAGE } = await import('./keys/rotate-command.ts');
  const { DATA_USAGE } = await import('./data/commands.ts');
  return `${USAGE}\n\n${ROTATE_USAGE}\n\n${DATA_USAGE}\n`;
}

const HELP = ['--help', '-h'];

async function main([command, ...args]: readonly string[]): Promise<number> {
  if ([command, ...args].some((one) => HELP.includes(one ?? ''))) {
    process.stdout.write(await usage());
    return 0;
  }
  const run = Object.hasOwn(COMMANDS, command ?? '') ? COMMANDS[command ?? ''] : undefined;
  if (run === undefined) {
    const what = command === undefined ? 'a command is needed' : `${command}: no such command`;
    process.stderr.write(`headroom-controller: ${what}\n\n${await usage()}`);
    return 2;
  }
  try {
    process.umask(0o077);
    await run(args);
    return 0;
  } catch (error) {
    process.stderr.write(
      `headroom-controller: ${error instanceof Problem ? error.detail : ((error as Error).stack ?? error)}\n`,
    );
    return error instanceof Problem && error.code === 'VALIDATION_FAILED' ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
// Libraries keep timers and pools for a while; everything of ours has stopped.
process.exit();
