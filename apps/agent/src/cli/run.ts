/** headroom-agent run: the daemon. */

import { pinnedVerifier } from '../grants/verify.ts';
import { type Controller, connectController } from '../link/client.ts';
import { newFactsReader } from '../link/facts-reader.ts';
import { newFactsSender } from '../link/facts-sender.ts';
import { kdkImageFrom } from '../link/kdk-image.ts';
import { newRefusedReports } from '../link/refused-reports.ts';
import { runLink } from '../link/run-link.ts';
import { newWake } from '../link/wake.ts';
import { openLocalSocket } from '../local/socket.ts';
import { type Log, logToStderr } from '../log.ts';
import { capStderr, openLogFile } from '../log-file.ts';
import { type Mac, openMac } from '../mac.ts';
import { readFactsCounting } from '../read-facts.ts';
import { openJournal } from '../runner/journal.ts';
import type { RunnerPorts } from '../runner/run-job.ts';
import { recordTools } from '../runner/tool-record.ts';
import { type Credentials, readCredentials } from '../state/identity.ts';
import { takeLock } from '../state/lock.ts';
import { openStatusFile } from '../state/status-file.ts';
import { watchExpiry } from '../steps/expired-kit.ts';
import { clearLeftBehind } from '../steps/left-behind.ts';
import { AGENT_VERSION } from '../version.ts';
import { milliseconds, type Options } from './arguments.ts';
import { kitSource } from './kit-source.ts';
import { lifetime } from './lifetime.ts';

export async function run(options: Options): Promise<number> {
  const checkInMs = milliseconds('check-in-ms', options['check-in-ms']);
  const mac = openMac(options.sysroot);
  const credentials = await readCredentials(mac);
  if (credentials === null) {
    process.stderr.write(`${mac.sysroot} is not enrolled. Next: headroom-agent enroll --url URL --token-file FILE\n`);
    return 1;
  }
  const log = options['log-file'] === undefined ? logToStderr : openLogFile(options['log-file']);
  if (options['log-file'] !== undefined) capStderr();
  const signal = lifetime({ exitWithParent: options['exit-with-parent'], log });
  const controller = connectController(credentials);
  // The handshake goes on while the rest is made ready; nothing is said over it before this agent has the lock.
  controller.connect();
  try {
    await work({ mac, credentials, controller, signal, checkInMs, log });
  } finally {
    controller.close();
  }
  return 0;
}

async function work(input: ServeInput): Promise<void> {
  const { mac, log } = input;
  const release = await takeLock(mac);
  try {
    await recordTools(mac, log);
    await clearLeftBehind(mac, log);
    await serve(input);
  } finally {
    await release();
  }
}

interface ServeInput {
  readonly mac: Mac;
  readonly credentials: Credentials;
  readonly controller: Controller;
  readonly signal: AbortSignal;
  readonly checkInMs: number | null;
  readonly log: Log;
}

async function serve({ mac, credentials, controller, signal, checkInMs, log }: ServeInput): Promise<void> {
  const { identity } = credentials;
  const status = await openStatusFile(mac, (error) => log(`status file: ${String(error)}`));
  void status.update({ hostId: identity.hostId, fleetId: identity.fleetId, controller: identity.agentUrl });
  const reader = newFactsReader(() => readFactsCounting(mac));
  const runner: RunnerPorts = {
    mac,
    journal: await openJournal(mac),
    identity,
    verify: pinnedVerifier(identity.grantPublicKeys),
    facts: reader.read,
    openKdkImage: kdkImageFrom(controller),
    kitSource: kitSource(),
    now: () => new Date(),
    log,
  };
  log(`agent ${AGENT_VERSION}, host ${identity.hostId}, controller ${identity.agentUrl}`);
  const wake = newWake();
  const onWitness = (): void => {
    reader.expire();
    wake.wake();
  };
  void watchExpiry({ mac, now: runner.now, log, signal });
  const closeSocket = await openLocalSocket({ mac, status, onWitness, log });
  try {
    await runLink({
      runner,
      controller,
      reader,
      sender: newFactsSender(),
      status,
      refused: newRefusedReports(),
      signal,
      wake,
      checkInMs,
    });
  } finally {
    await closeSocket();
  }
}
