/**
 * When the agent ends: SIGTERM, SIGINT, or its parent's end with --exit-with-parent.
 * Guarantee: it has gone within two seconds, whatever still hangs; the runner's exit hook kills the tools that it started.
 */
import type { Log } from '../log.ts';

const GRACE_MS = 1800;

export interface LifetimeOptions {
  readonly exitWithParent: boolean;
  readonly log: Log;
}

/** The signal given back is aborted when the agent shall end. */
export function lifetime({ exitWithParent, log }: LifetimeOptions): AbortSignal {
  const ending = new AbortController();
  const end = (why: string) => () => {
    if (ending.signal.aborted) return;
    log(`stopping: ${why}`);
    setTimeout(() => process.exit(0), GRACE_MS).unref();
    ending.abort(new Error(`stopping: ${why}`));
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, end(signal));
  if (exitWithParent) watchParent(end('the parent process ended'));
  return ending.signal;
}

/** A parent's end closes the pipe to stdin and the IPC channel, also when it was killed. */
function watchParent(onEnd: () => void): void {
  if (process.channel !== undefined && process.channel !== null) process.once('disconnect', onEnd);
  process.stdin.once('end', onEnd).once('close', onEnd).once('error', onEnd).resume();
}
