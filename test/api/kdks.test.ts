// Goal: only whole images with the announced sum get into the catalogue, by upload and by the watch folder.
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Facts } from '@headroom/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stockFacts } from '../../packages/core/testing/sample-host.ts';
import { addMac, EXCEPTION, hear, itemsOf, openTestApi, report, type TestApi } from './support.ts';

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
});
afterAll(() => test.stop());

const BYTES = Buffer.from('image '.repeat(100_000));
const sumOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const put = (fileName: string, body: Uint8Array, sum: string) =>
  test.call('PUT', `/api/v1/kdks?fileName=${encodeURIComponent(fileName)}`, {
    role: 'tool',
    body,
    headers: { 'x-checksum-sha256': sum },
  });
const kdks = async () => itemsOf((await test.call('GET', '/api/v1/kdks', { role: 'reader' })).body);

describe('an upload', () => {
  it('is stored under its sum and can be opened by it', async () => {
    const sum = sumOf(BYTES);
    const reply = await put('Kernel_Debug_Kit_15.1_build_24B82.dmg', BYTES, sum);
    expect(reply.body).toMatchObject({ version: '15.1', build: '24B82', sha256: sum, sizeBytes: BYTES.length });
    const file = await test.api.kdkFiles.open(sum);
    expect(file?.sizeBytes).toBe(BYTES.length);
    expect(sumOf(await readFile(file?.path ?? ''))).toBe(sum);
    const again = await put('Kernel_Debug_Kit_15.1_build_24B82.dmg', BYTES, sum);
    expect(again.body['id']).toEqual(reply.body['id']);
    expect(await kdks()).toHaveLength(1);
  });

  it.each([
    ['another sum', 'Kernel_Debug_Kit_15.1_build_24B83.dmg', 'a'.repeat(64), 400, 'VALIDATION_FAILED'],
    ['no sum', 'Kernel_Debug_Kit_15.1_build_24B83.dmg', '', 400, 'VALIDATION_FAILED'],
    ['a name that says nothing', 'kdk.dmg', 'a'.repeat(64), 422, 'KDK_NAME_UNREADABLE'],
    ['a name with a path', '../Kernel_Debug_Kit_15.1_build_24B83.dmg', 'a'.repeat(64), 422, 'KDK_NAME_UNREADABLE'],
  ])('with %s is refused and leaves nothing behind', async (_what, fileName, sum, status, code) => {
    const reply = await put(fileName, BYTES, sum);
    expect([reply.status, reply.body['code']]).toEqual([status, code]);
    expect(await kdks()).toHaveLength(1);
    expect(await readdir(join(test.stateDir, 'kdks'))).toEqual([sumOf(BYTES)]);
  });

  it('does not hand out what nobody brought', async () => {
    expect(await test.api.kdkFiles.open('b'.repeat(64))).toBeNull();
    expect(await test.api.kdkFiles.open('../keys/ca.pem')).toBeNull();
  });
});

describe('the watch folder', () => {
  it('takes an image once its size is stable and its sum lies beside it', async () => {
    const { kdkInbox } = test.api;
    const name = 'Kernel_Debug_Kit_14.5_build_23F79.dmg';
    const path = join(kdkInbox.folder, name);
    const bytes = Buffer.concat([BYTES, Buffer.from('another')]);
    await writeFile(path, bytes.subarray(0, 100));
    expect(await kdkInbox.scanOnce()).toEqual([]);
    await writeFile(`${path}.sha256`, `${sumOf(bytes)}  ${name}\n`);
    expect(await kdkInbox.scanOnce()).toEqual([]);
    await writeFile(path, bytes);
    expect(await kdkInbox.scanOnce()).toEqual([]);
    expect(await kdkInbox.scanOnce()).toEqual([name]);
    expect(await readdir(kdkInbox.folder)).toEqual([]);
    expect((await kdks()).map(({ build, addedBy }) => [build, addedBy])).toContainEqual(['23F79', 'system:kdk-inbox']);
  });

  it('sets a wrong one aside', async () => {
    const { kdkInbox } = test.api;
    const name = 'Kernel_Debug_Kit_14.6_build_23G80.dmg';
    await writeFile(join(kdkInbox.folder, name), BYTES);
    await writeFile(join(kdkInbox.folder, `${name}.sha256`), 'c'.repeat(64));
    await kdkInbox.scanOnce();
    expect(await kdkInbox.scanOnce()).toEqual([]);
    expect((await readdir(kdkInbox.folder)).sort()).toEqual([`${name}.refused`, `${name}.sha256`]);
    expect(await kdks()).toHaveLength(2);
  });
});

describe('of two images of one build', () => {
  const NAME = 'Kernel_Debug_Kit_14.5_build_23F79.dmg';
  const [good, junk] = ['good', 'junk'].map((text) => Buffer.from(text)) as [Buffer, Buffer];
  let mac: string;

  async function bring(bytes: Buffer): Promise<string> {
    test.clock.advance(1000);
    const reply = await put(NAME, bytes, sumOf(bytes));
    expect(reply.status).toBe(200);
    await hear(test, mac);
    await test.sweep();
    return String(reply.body['id']);
  }

  const withdraw = async (id: string, role: 'admin' | 'reader' = 'admin') => {
    const { status } = await test.call('DELETE', `/api/v1/kdks/${id}`, { role });
    await test.sweep();
    return status;
  };

  async function planned(): Promise<unknown> {
    const { plan } = (await test.call('GET', `/api/v1/hosts/${mac}`)).body;
    const step = (plan as unknown as { state: string; steps: { step: { kdk: { sha256: string } } }[] } | null) ?? null;
    return step?.state === 'open' ? step.steps[0]?.step.kdk.sha256 : step?.state;
  }

  const audited = async (id: string) =>
    (await test.database.prisma.audit.findMany({ where: { entityId: id }, orderBy: { id: 'asc' } })).map(
      ({ action }) => action,
    );

  async function failNewest(): Promise<void> {
    const { id, planId } = await test.database.prisma.job.findFirstOrThrow({
      where: { hostId: mac, state: 'queued' },
      orderBy: { id: 'desc' },
    });
    const data = { state: 'failed', errorCode: 'KDK_IMAGE_DAMAGED', finishedAt: test.clock.now() };
    await test.database.prisma.job.update({ where: { id }, data });
    await test.database.prisma.plan.update({ where: { id: planId ?? '' }, data: { state: 'failed' } });
    await report(test, mac, stockFacts());
    await test.sweep();
  }

  it('the one that was brought last is used, and bringing the other again makes it that one', async () => {
    mac = await addMac(test, { labels: ['kdk'], facts: stockFacts() });
    const goodId = await bring(good);
    const body = { name: 'kdk', quota: 255, selector: { labels: ['kdk'] }, exception: EXCEPTION, apply: true };
    expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
    await test.sweep();
    expect(await planned()).toBe(sumOf(good));
    await bring(junk);
    expect(await planned()).toBe(sumOf(junk));
    await failNewest();
    expect(await planned()).toBe('failed');
    expect(await bring(good)).toBe(goodId);
    expect(await planned()).toBe(sumOf(good));
    await bring(good);
    expect(await audited(goodId)).toEqual(['kdk.add', 'kdk.renew']);
  });

  it('one is withdrawn with its file, by whoever may, and what was planned with it is planned anew', async () => {
    const junkId = await bring(junk);
    expect(await planned()).toBe(sumOf(junk));
    expect(await withdraw(junkId, 'reader')).toBe(403);
    expect(await withdraw(junkId)).toBe(200);
    expect(await planned()).toBe(sumOf(good));
    expect(await test.api.kdkFiles.open(sumOf(junk))).toBeNull();
    expect(await test.api.kdkFiles.open(sumOf(good))).not.toBeNull();
    expect(await audited(junkId)).toEqual(['kdk.add', 'kdk.renew', 'kdk.withdraw']);
    expect(await withdraw(junkId)).toBe(404);
  });

  it('one whose withdrawal is not committed keeps its file', async () => {
    const { id } = await test.database.prisma.kdk.findUniqueOrThrow({ where: { sha256: sumOf(good) } });
    await test.database.prisma.$executeRawUnsafe(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no commit'; END $$`);
    await test.database.prisma.$executeRawUnsafe(`
      CREATE CONSTRAINT TRIGGER refuse AFTER DELETE ON kdk DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`);
    expect(await withdraw(id)).toBe(500);
    await test.database.prisma.$executeRawUnsafe('DROP FUNCTION refuse CASCADE');
    expect(await planned()).toBe(sumOf(good));
    expect(await test.api.kdkFiles.open(sumOf(good))).not.toBeNull();
  });
});

describe('the kernels in an image', () => {
  const os = { version: '14.1.1', build: '23B2082', extra: '', baseBuild: '23B2082' };
  const factsOf = (variant: string, kdks: Facts['kdks'] = []): Facts => {
    const stock = stockFacts();
    return { ...stock, os, kernel: { ...stock.kernel, variant }, kdks };
  };
  const hostOf = async (id: string) => (await test.call('GET', `/api/v1/hosts/${id}`)).body;
  const codesOf = async (id: string) => itemsOf(await hostOf(id), 'findings').map(({ code }) => code);
  const imageNow = async () => (await kdks()).find(({ build }) => String(build) === os.build);
  const macs: Record<string, string> = {};

  async function tell(mac: string, facts: Facts): Promise<void> {
    await report(test, mac, facts);
    await test.sweep();
    await test.sweep();
  }

  const whole = (...variants: string[]) => [
    { version: '14.1.1', build: os.build, complete: true, variants, reason: null, ours: true },
  ];

  async function disbelieve(role: 'tool' | 'reader') {
    const id = String((await imageNow())?.['id']);
    return test.call('POST', `/api/v1/kdks/${id}/disbelieve`, {
      role,
      body: { reason: 'they were cut in the middle' },
    });
  }

  /** Its install of the image fails, as the agent found no kernel for it. */
  async function lookInVain(mac: string, variant: string): Promise<void> {
    const job = await test.database.prisma.job.findFirstOrThrow({ where: { hostId: mac, state: 'queued' } });
    const ended = { state: 'failed', errorCode: 'KDK_VARIANT_MISSING', finishedAt: test.clock.now() };
    await test.database.prisma.job.update({ where: { id: job.id }, data: ended });
    await test.database.prisma.plan.update({ where: { id: job.planId ?? '' }, data: { state: 'failed' } });
    await tell(mac, factsOf(variant));
  }

  it('are told to other Macs before they fetch it, once two have it installed', async () => {
    const bytes = Buffer.from('forked');
    await put('Kernel_Debug_Kit_14.1.1_build_23B2082.dmg', bytes, sumOf(bytes));
    for (const name of ['T8122', 'T6031', 'T6020', 'T8112', 'T8112 as well', 'T8112, too'])
      macs[name] = await addMac(test, { labels: ['forked'], facts: factsOf(name.slice(0, 5)) });
    const body = { name: 'forked', quota: 255, selector: { labels: ['forked'] }, exception: EXCEPTION, apply: true };
    expect((await test.call('POST', '/api/v1/policies', { body })).status).toBe(201);
    await test.sweep();
    expect(await hostOf(macs['T6020'] ?? '')).toMatchObject({ state: 'not_started', plan: { state: 'open' } });
    expect(await imageNow()).toMatchObject({ variants: [], variantsMissing: [], shownBy: [] });

    const [theirs] = whole('T8122', 'T6031');
    await tell(macs['T8122'] ?? '', factsOf('T8122', [{ ...theirs, ours: false } as never]));
    expect(await imageNow(), 'a KDK that Headroom did not install').toMatchObject({ variants: [] });
    await tell(macs['T8122'] ?? '', factsOf('T8122', whole('T6031')));
    expect(await imageNow(), 'one that was cut before its own kernel').toMatchObject({ variants: [], shownBy: [] });
    await tell(macs['T8122'] ?? '', factsOf('T8122', whole('T8122')));
    expect(await imageNow()).toMatchObject({ variants: ['T8122'] });
    expect(await hostOf(macs['T6020'] ?? ''), 'one Mac is believed for itself only').toMatchObject({
      state: 'not_started',
      plan: { state: 'open' },
    });

    await tell(macs['T6031'] ?? '', factsOf('T6031', whole('T8122', 'T6031')));
    expect(await imageNow()).toMatchObject({ variants: ['T6031', 'T8122'], variantsMissing: [] });
    expect(await hostOf(macs['T6020'] ?? '')).toMatchObject({ state: 'kdk_missing', plan: { state: 'superseded' } });
    expect(await codesOf(macs['T6020'] ?? '')).toContain('KDK_VARIANT_MISSING');
    const audited = await test.database.prisma.audit.findMany({
      where: { action: 'kdk.kernels' },
      orderBy: { id: 'asc' },
    });
    expect(audited.map(({ actor }) => actor)).toEqual([`host:${macs['T8122']}`, `host:${macs['T6031']}`]);
  });

  it('that Macs showed wrongly are disbelieved by one call, and stay so until one of them shows something else', async () => {
    expect((await disbelieve('reader')).status).toBe(403);
    expect((await disbelieve('tool')).body).toMatchObject({
      variants: [],
      shownBy: [{ believed: false }, { believed: false }],
    });
    await test.sweep();
    await hear(test, macs['T8122'] ?? '');
    await tell(macs['T6031'] ?? '', { ...factsOf('T6031', whole('T8122', 'T6031')), disk: { freeBytes: 50e9 } });
    expect(await imageNow(), 'the same word once more').toMatchObject({ variants: [] });
    expect(await hostOf(macs['T6020'] ?? '')).toMatchObject({ state: 'not_started', plan: { state: 'open' } });
    await tell(macs['T8122'] ?? '', factsOf('T8122', whole('T8122', 'T6031', 'T6020')));
    expect(await imageNow()).toMatchObject({ variants: ['T6020', 'T6031', 'T8122'] });
  });

  it('that two Macs looked for in vain are told to the next of their kind, until one shows it', async () => {
    const [one, two, next] = ['T8112', 'T8112 as well', 'T8112, too'].map((name) => macs[name] ?? '') as [
      string,
      string,
      string,
    ];
    await disbelieve('tool');
    await lookInVain(one, 'T8112');
    expect(await imageNow()).toMatchObject({ variantsMissing: [] });
    expect(await hostOf(next)).toMatchObject({ state: 'not_started', plan: { state: 'open' } });
    await lookInVain(two, 'T8112');
    expect(await imageNow()).toMatchObject({ variantsMissing: ['T8112'] });
    expect(await hostOf(next)).toMatchObject({ state: 'kdk_missing', plan: { state: 'superseded' } });
    expect(await codesOf(next)).toContain('KDK_VARIANT_MISSING');
    await tell(two, factsOf('T8112', whole('T6020', 'T6031', 'T8112', 'T8122')));
    expect(await imageNow()).toMatchObject({ variantsMissing: [] });
    expect(await hostOf(next)).toMatchObject({ state: 'not_started', plan: { state: 'open' } });
  });
});
