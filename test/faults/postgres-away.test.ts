/** Postgres is away for a while: whoever asks meanwhile is told to come again, at each of the three doors, and never that something is wrong. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChannelCredentials, type ServiceError, status } from '@grpc/grpc-js';
import { AgentServiceClient, OpenSessionRequest } from '@headroom/proto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ControllerProcess } from '../support/controller-process.ts';
import { SyntheticAgent } from '../support/synthetic-agent.ts';
import { SyntheticMac } from '../support/synthetic-mac.ts';
import { waitFor } from '../support/wait-for.ts';

const BACK_MS = 90_000;
const KILLS = 2;
const COME_AGAIN = /^503 .*"code":"NOT_READY"/;

let folder: string;
let controller: ControllerProcess;
let agent: SyntheticAgent;
let client: AgentServiceClient;
let token: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-away-'));
  controller = await ControllerProcess.start({ stateDir: folder });
  token = await controller.enrolToken(200, []);
  agent = await SyntheticAgent.enrol(controller.urls.enrolUrl, token);
  const { caPem, privateKeyPem, certificatePem, agentUrl } = agent.identity;
  const [ca, key, certificate] = [caPem, privateKeyPem, certificatePem].map((pem) => Buffer.from(pem));
  client = new AgentServiceClient(new URL(agentUrl).host, ChannelCredentials.createSsl(ca, key, certificate));
});
afterAll(async () => {
  client?.close();
  await controller?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What each door answers; `ok` when it does what it was asked. */
const doors: Readonly<Record<string, () => Promise<string>>> = {
  read: () => asked(controller.call('GET', '/api/v1/hosts')),
  write: () => asked(controller.enrolToken(1, [])),
  enrol: () => asked(SyntheticAgent.enrol(controller.urls.enrolUrl, token, new SyntheticMac())),
  agent: () =>
    new Promise((resolve) => {
      const request = OpenSessionRequest.fromPartial({ hostUuid: agent.mac.hostUuid, agentVersion: '0.1.0' });
      client.openSession(request, (error) => resolve(error === null ? 'ok' : told(error)));
    }),
};

/** The status and body of a refusal, as both kinds of callers here put them into their errors. */
function asked(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'ok',
    (error: Error) => /\b\d{3} \{.*\}/.exec(error.message)?.[0] ?? error.message,
  );
}

function told({ code, metadata, details }: ServiceError): string {
  return `${code === status.UNAVAILABLE ? 503 : code} ${details} "code":"${metadata.get('headroom-code')[0]}"`;
}

const postmasterPid = () => Number(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);

it('at every door', { timeout: 4 * BACK_MS }, async () => {
  const answers: Record<string, Set<string>> = {};
  for (let kill = 0; kill < KILLS; kill += 1) {
    process.kill(postmasterPid(), 'SIGKILL');
    const untilBack = async ([door, knock]: [string, () => Promise<string>]) => {
      await waitFor(async () => {
        const answer = await knock();
        answers[door] = (answers[door] ?? new Set()).add(answer);
        return answer === 'ok';
      }, BACK_MS);
    };
    await Promise.all(Object.entries(doors).map(untilBack));
  }
  for (const door of Object.keys(doors)) {
    const refusals = [...(answers[door] ?? [])].filter((answer) => answer !== 'ok');
    expect(refusals, `${door} was asked while Postgres was away`).not.toEqual([]);
    expect(
      refusals.filter((answer) => !COME_AGAIN.test(answer)),
      door,
    ).toEqual([]);
  }
  expect(await Promise.all(Object.values(doors).map((knock) => knock()))).toEqual(['ok', 'ok', 'ok', 'ok']);
});
