/** A KDK image travels as a stream from an offset on, to the Mac whose job names it, and to no other. */
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceError } from '@grpc/grpc-js';
import type { KdkChunk } from '@headroom/proto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Caller } from '../../apps/controller/src/agents/caller.ts';
import { FetchKdkHandler } from '../../apps/controller/src/agents/handlers/fetch-kdk.ts';
import { LiveStreams } from '../../apps/controller/src/agents/live-streams.ts';
import { SystemClock } from '../../apps/controller/src/common/clock.ts';
import { OpenSteps } from '../../apps/controller/src/jobs/open-steps.ts';
import { waitFor } from '../support/wait-for.ts';
import { startController, type TestController } from './support/controller.ts';
import { codeOf, Mac, refusal, sha256Hex } from './support/mac.ts';
import { KDK, openPlan } from './support/plans.ts';

const image = randomBytes(3 * 1024 * 1024 + 17);
const sha256 = sha256Hex(image);
let controller: TestController;
let mac: Mac;

beforeAll(async () => {
  controller = await startController();
  const path = join(controller.config.stateDir, 'image.dmg');
  await writeFile(path, image);
  controller.kdkFiles.files.set(sha256, { path, sizeBytes: image.length });
  mac = await Mac.enrol(controller);
  await openPlan(controller, mac, [
    { kind: 'install_kdk', kdk: { ...KDK, sha256, sizeBytes: image.length }, variant: 'T6020' },
    { kind: 'collect_facts' },
  ]);
});
afterAll(() => controller?.stop());

interface Fetched {
  readonly bytes: Buffer;
  readonly chunks: readonly KdkChunk[];
}

function fetchKdk(from: Mac, offset: number, wanted = sha256): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const chunks: KdkChunk[] = [];
    const stream = from.client.fetchKdk({ sha256: wanted, offset: BigInt(offset) });
    stream.on('data', (chunk: KdkChunk) => chunks.push(chunk));
    stream.on('error', (error: ServiceError) => reject(error));
    stream.on('end', () => resolve({ bytes: Buffer.concat(chunks.map(({ data }) => data)), chunks }));
  });
}

/** Larger than all the windows on the way can hold, so that it cannot have been sent whole before it is cut. */
const LARGE_BYTES = 64 * 1024 * 1024;

async function macWithLargeImage(): Promise<Mac> {
  const path = join(controller.config.stateDir, 'large.dmg');
  await writeFile(path, '');
  await truncate(path, LARGE_BYTES);
  controller.kdkFiles.files.set(KDK.sha256, { path, sizeBytes: LARGE_BYTES });
  const own = await Mac.enrol(controller);
  await openPlan(controller, own, [{ kind: 'install_kdk', kdk: KDK, variant: 'T6020' }]);
  return own;
}

/** A stream whose reader stops after its first chunk; `go` reads the rest. `code` = why it ended, null = it came whole. */
async function halfRead(own: Mac) {
  const stream = own.client.fetchKdk({ sha256: KDK.sha256, offset: 0n });
  let received = 0;
  let reads = false;
  const ended = new Promise<string | null>((resolve) => {
    stream.once('error', (error) => resolve(codeOf(error)));
    stream.once('end', () => resolve(null));
  });
  stream.on('data', ({ data }: KdkChunk) => {
    received += data.length;
    if (!reads) stream.pause();
  });
  await waitFor(() => received > 0);
  const go = async () => {
    reads = true;
    stream.resume();
    return { code: await ended, received };
  };
  return { go };
}

describe('FetchKdk', () => {
  afterEach(() => controller.kdkFiles.files.delete(KDK.sha256));

  it('sends the whole image in bounded chunks that say where they belong', async () => {
    const { bytes, chunks } = await fetchKdk(mac, 0);
    expect(bytes.equals(image)).toBe(true);
    expect(Math.max(...chunks.map(({ data }) => data.length))).toBe(256 * 1024);
    let expected = 0n;
    for (const { offset, data, totalBytes } of chunks) {
      expect([offset, totalBytes]).toEqual([expected, BigInt(image.length)]);
      expected += BigInt(data.length);
    }
  });

  it('goes on from an offset, up to the very end', async () => {
    const from = 1_000_003;
    expect((await fetchKdk(mac, from)).bytes.equals(image.subarray(from))).toBe(true);
    expect((await fetchKdk(mac, image.length)).chunks).toEqual([]);
    expect(await refusal(fetchKdk(mac, image.length + 1))).toBe('VALIDATION_FAILED');
  });

  it('stops when the reader leaves', async () => {
    const stream = mac.client.fetchKdk({ sha256, offset: 0n });
    await new Promise((resolve) => stream.once('data', resolve));
    stream.pause();
    stream.cancel();
    await new Promise((resolve) => stream.once('error', resolve));
    expect((await fetchKdk(mac, 0)).bytes.equals(image)).toBe(true);
  });

  it('ends with the reason when the certificate is revoked while it is being sent', async () => {
    const own = await macWithLargeImage();
    const { go } = await halfRead(own);
    const { serial } = await controller.database.prisma.certificate.findFirstOrThrow({ where: { hostId: own.hostId } });
    await controller.certificates.revoke(serial, 'token:test', 'stolen');
    const { code, received } = await go();
    expect(code).toBe('CERTIFICATE_REVOKED');
    expect(received).toBeLessThan(LARGE_BYTES);
  });

  it('is not begun when the certificate is revoked between its admission and its first byte', async () => {
    const own = await macWithLargeImage();
    const { serial } = await controller.database.prisma.certificate.findFirstOrThrow({ where: { hostId: own.hostId } });
    vi.spyOn(controller.kdkFiles, 'open').mockImplementationOnce(async (sum) => {
      await controller.certificates.revoke(serial, 'token:test', 'stolen');
      return controller.kdkFiles.files.get(sum) ?? null;
    });
    expect(await refusal(fetchKdk(own, 0, KDK.sha256))).toBe('CERTIFICATE_REVOKED');
  });

  it('is one for each host: the newer takes the place of the older, and of no other host', async () => {
    const own = await macWithLargeImage();
    const other = await halfRead(await macWithLargeImage());
    const older = await halfRead(own);
    expect((await fetchKdk(own, LARGE_BYTES - 5, KDK.sha256)).bytes).toHaveLength(5);
    const { code, received } = await older.go();
    expect(code).toBe('NOT_READY');
    expect(received).toBeLessThan(LARGE_BYTES);
    expect(await other.go()).toEqual({ code: null, received: LARGE_BYTES });
  });

  it('ends when nothing is taken for too long', async () => {
    const own = await macWithLargeImage();
    const steps = new OpenSteps(controller.database);
    const streams = new LiveStreams(controller.database, new SystemClock());
    const handler = new FetchKdkHandler(steps, controller.kdkFiles, streams, 50);
    const asleep = Object.assign(new EventEmitter(), {
      request: { sha256: KDK.sha256, offset: 0n },
      write: () => true,
    });
    const { serial } = await controller.database.prisma.certificate.findFirstOrThrow({ where: { hostId: own.hostId } });
    const caller = { hostId: own.hostId, serial } as Caller;
    const call = asleep as unknown as Parameters<FetchKdkHandler['handle']>[1];
    await expect(handler.handle(caller, call)).rejects.toMatchObject({ code: 'NOT_READY' });
  });

  it('gives nothing to a Mac whose open job does not name the image', async () => {
    const other = await Mac.enrol(controller);
    expect(await refusal(fetchKdk(other, 0))).toBe('FORBIDDEN');
    await openPlan(controller, other, [{ kind: 'install_kdk', kdk: KDK, variant: 'T6020' }]);
    expect(await refusal(fetchKdk(other, 0))).toBe('FORBIDDEN');
    expect(await refusal(fetchKdk(other, 0, KDK.sha256))).toBe('NOT_FOUND');
    expect(await refusal(fetchKdk(other, 0, '../../keys'))).toBe('VALIDATION_FAILED');
  });

  it('gives nothing any more once the step is over', async () => {
    const own = await Mac.enrol(controller);
    await own.openSession();
    await openPlan(controller, own, [
      { kind: 'install_kdk', kdk: { ...KDK, sha256 }, variant: 'T6020' },
      { kind: 'collect_facts' },
    ]);
    expect((await fetchKdk(own, image.length - 1)).bytes).toHaveLength(1);
    const { job } = await own.lease();
    expect(await own.finish({ ...job })).toMatchObject({ accepted: true });
    expect(await refusal(fetchKdk(own, 0))).toBe('FORBIDDEN');
  });
});
