/** Clients that send slowly, stop half-way or never read: they are cut off with a name, and everybody else is served meanwhile. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControllerProcess } from '../support/controller-process.ts';
import { SyntheticAgent } from '../support/synthetic-agent.ts';
import { waitFor } from '../support/wait-for.ts';

const EACH = 40;
/** Limits are 20 s and 15 s; Node looks every 30 s. */
const CUT_MS = 75_000;

let folder: string;
let controller: ControllerProcess;
const slow: SlowClient[] = [];

/** A connection that says one thing and then keeps silent. */
class SlowClient {
  closed = false;
  answer = '';

  constructor(
    readonly socket: Socket,
    said: string,
  ) {
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('data', (chunk: Buffer) => {
      this.answer += chunk.toString('utf8');
    });
    if (said !== '') socket.write(said);
  }
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** Half a request head, never its end. */
const HALF_HEAD = 'GET /api/v1/hosts HTTP/1.1\r\nHost: x\r\nX-Slow: ';
const HALF_ENROL = 'POST /enrol HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-slow-'));
  controller = await ControllerProcess.start({ stateDir: folder, args: ['--check-in-ms', '500'] });
});
afterAll(async () => {
  for (const { socket } of slow) socket.destroy();
  await controller?.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('slow and stuck clients', { timeout: 120_000 }, () => {
  it('hold up nobody, and are cut off', async () => {
    const { apiUrl, enrolUrl, agentUrl } = controller.urls;
    const token = await controller.enrolToken(1, []);
    const api = Array.from({ length: EACH }, () => new SlowClient(connect(portOf(apiUrl), '127.0.0.1'), HALF_HEAD));
    // Never a word of TLS, and half a request inside it.
    const mute = [enrolUrl, agentUrl].flatMap((url) =>
      Array.from({ length: EACH }, () => new SlowClient(connect(portOf(url), '127.0.0.1'), '')),
    );
    const halfEnrol = Array.from({ length: EACH }, () => {
      const options = { port: portOf(enrolUrl), host: '127.0.0.1', rejectUnauthorized: false };
      return new SlowClient(connectTls(options), HALF_ENROL);
    });
    slow.push(...api, ...mute, ...halfEnrol);
    await waitFor(() => api.every(({ socket }) => socket.readyState === 'open'));

    const agent = await SyntheticAgent.enrol(enrolUrl, token);
    agent.start();
    await waitFor(() => agent.connectedTo !== null);
    expect(await controller.call('GET', '/readyz')).toMatchObject({ status: 'ok' });
    expect(slow.filter(({ closed }) => !closed).length, 'they were there all the time').toBeGreaterThan(EACH);
    await agent.stop();

    const enrolling = mute.slice(0, EACH);
    await waitFor(() => [...api, ...enrolling, ...halfEnrol].every(({ closed }) => closed), CUT_MS);
    for (const { answer } of api) expect(answer).toMatch(/^HTTP\/1\.1 400 .*"code":"VALIDATION_FAILED"/s);
    expect(controller.log).toMatch(/TLS refused: .*timeout/i);
    expect(await controller.call('GET', '/readyz')).toMatchObject({ status: 'ok' });
  });
});
