/** The controller's disk is full: every request is answered with a code, nothing half-made stays, and room is all it needs. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddedAddress } from '../../apps/controller/src/db/postgres/embedded.ts';
import { ControllerProcess } from '../support/controller-process.ts';
import { query } from '../support/query.ts';
import { waitFor } from '../support/wait-for.ts';
import { SMALL_DISK_NEEDED, SmallDisk } from './small-disk.ts';

const STATE_MB = 220;
const KDK_MB = 1;
const TOKENS_BEFORE = 20;
const TOKENS_MAX = 2000;

let folder: string;
let stateDir: string;
let kdkDir: string;
let disks: readonly (SmallDisk | null)[] = [];
let controller: ControllerProcess | null = null;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hr-full-'));
  [stateDir, kdkDir] = [join(folder, 'state'), join(folder, 'kdks')];
  for (const path of [stateDir, kdkDir]) mkdirSync(path);
  disks = [SmallDisk.mount(stateDir, STATE_MB), SmallDisk.mount(kdkDir, KDK_MB)];
  if (disks.includes(null)) return;
  controller = await ControllerProcess.start({ stateDir, args: ['--kdk-dir', kdkDir, '--sweep-ms', '500'] });
});
afterAll(async () => {
  await controller?.stop();
  for (const disk of disks) disk?.unmount();
  await rm(folder, { recursive: true, force: true });
});

/** The running controller on its small disks, or a skip by name. */
function parts(skip: (note: string) => never): { controller: ControllerProcess; state: SmallDisk; kdks: SmallDisk } {
  const [state, kdks] = disks;
  if (controller === null || !state || !kdks) return skip(SMALL_DISK_NEEDED);
  return { controller, state, kdks };
}

interface Refused {
  readonly code: string;
  readonly requestId?: string;
}

async function refusal(call: Promise<unknown>): Promise<Refused> {
  const text = await call.then(
    () => 'accepted {"code":"accepted"}',
    (error: Error) => error.message,
  );
  return JSON.parse(/\{.*\}/.exec(text)?.[0] ?? '{"code":"no problem+json"}') as Refused;
}

describe('a full disk', { timeout: 90_000 }, () => {
  it('under the KDK images: the upload is refused, nothing of it stays, and the same upload works with room', async ({
    skip,
  }) => {
    const { controller, kdks } = parts(skip);
    const image = randomBytes(600_000);
    const put = () =>
      controller.call('PUT', '/api/v1/kdks?fileName=Kernel_Debug_Kit_14.5_build_23F79.dmg', image, {
        'x-checksum-sha256': createHash('sha256').update(image).digest('hex'),
      });
    kdks.fill();
    expect(await refusal(put())).toMatchObject({ code: 'STORAGE_FULL' });
    expect(readdirSync(kdkDir)).toEqual(['filler']);
    expect(await controller.call('GET', '/api/v1/kdks')).toMatchObject({ items: [] });
    kdks.makeRoom();
    await put();
    expect(readdirSync(kdkDir)).toEqual([createHash('sha256').update(image).digest('hex')]);
  });

  it('under Postgres: what was answered is kept, what was not is refused with a code, and room is all it needs', async ({
    skip,
  }) => {
    const { controller, state } = parts(skip);
    const accepted: string[] = [];
    let refused = '';
    // Postgres goes on for a while in the room that it took before.
    for (let n = 0; n < TOKENS_MAX && refused === ''; n++) {
      if (n === TOKENS_BEFORE) state.fill();
      const labels = Array.from({ length: 20 }, (_, at) => `${randomBytes(20).toString('hex')}-${at}`);
      const made = controller.enrolToken(1, labels);
      const { code } = await refusal(made);
      if (code === 'accepted') accepted.push((await made).split('.')[0] ?? '');
      else refused = code;
    }
    expect(['INTERNAL', 'NOT_READY']).toContain(refused);
    await waitFor(() => /No space left on device/.test(controller.log));
    state.makeRoom();
    await waitFor(() => controller.enrolToken(1, []));
    expect(accepted.length).toBeGreaterThanOrEqual(TOKENS_BEFORE);
    expect(await tokens()).toEqual(expect.arrayContaining(accepted));
    expect(await controller.call('GET', '/readyz')).toMatchObject({ status: 'ok' });
  });
});

async function tokens(): Promise<string[]> {
  const rows = await query<{ id: string }>(embeddedAddress(stateDir), 'SELECT id FROM enrol_token');
  return rows.map(({ id }) => id);
}
