/**
 * Fetches a KDK image into <sha256>.part, going on from the last byte after any cut. Guarantee: the path given back holds
 * exactly the bytes that the sha256 names; a file that does not is removed.
 */
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KdkSource } from '@headroom/core';
import { AgentError, differs } from '../../agent-error.ts';
import { plainFileBytes } from '../../file-looks.ts';
import { digestFile, ensureFolder, isDiskFull } from '../../files.ts';
import { KDK_FOLDER } from '../../paths.ts';
import type { StepContext } from '../step.ts';

/** Pauses between attempts that brought nothing; an attempt that brought a byte starts the list anew. */
const PAUSES_MS = [500, 1000, 2000, 4000, 8000, 16_000, 30_000];
const SYNC_EVERY_BYTES = 32 * 1024 * 1024;
const MEGABYTE = 1_000_000;

export const partPath = (kdk: KdkSource): string => `${KDK_FOLDER}/${kdk.sha256}.part`;

export async function fetchImage(kdk: KdkSource, context: StepContext): Promise<string> {
  await ensureFolder(context.mac.path(KDK_FOLDER));
  const part = context.mac.path(partPath(kdk));
  if ((await plainFileBytes(part)) > kdk.sizeBytes) await rm(part, { force: true });
  const isResumed = (await plainFileBytes(part)) > 0;
  let sha256 = await fetchedSum(part, kdk, context);
  if (sha256 !== kdk.sha256 && isResumed) {
    // A power cut may have spoiled what an earlier run left: only a download from the first byte on tells what the controller has.
    context.progress(`what an earlier run left of ${kdk.fileName} is damaged, fetching it anew`);
    await rm(part, { force: true });
    sha256 = await fetchedSum(part, kdk, context);
  }
  if (sha256 === kdk.sha256) return partPath(kdk);
  await rm(part, { force: true });
  throw new AgentError('KDK_SHA256_MISMATCH', differs(`sha256 of ${kdk.fileName}`, kdk.sha256, sha256));
}

async function fetchedSum(part: string, kdk: KdkSource, context: StepContext): Promise<string> {
  await fetchRest(part, kdk, context);
  context.progress(`checking the sha256 of ${kdk.fileName}`);
  return (await digestFile(part, context.signal)).sha256;
}

async function fetchRest(part: string, kdk: KdkSource, context: StepContext): Promise<void> {
  let failures = 0;
  for (;;) {
    const before = await plainFileBytes(part);
    if (before === kdk.sizeBytes) return;
    const problem = await fetchOnce(part, before, kdk, context);
    context.signal.throwIfAborted();
    if (problem instanceof AgentError) throw problem;
    failures = (await plainFileBytes(part)) > before ? 0 : failures + 1;
    if (problem === null && failures === 0) continue;
    const pause = PAUSES_MS[failures];
    if (pause === undefined) throw new AgentError('KDK_DOWNLOAD_FAILED', downloadDetail(kdk, before, problem));
    context.progress(`download cut at ${megabytes(before)} of ${megabytes(kdk.sizeBytes)} MB, going on in ${pause} ms`);
    await sleep(pause, undefined, { signal: context.signal });
  }
}

/** One stream, as far as it goes. The error is given back, because bytes that came before it count. */
async function fetchOnce(part: string, from: number, kdk: KdkSource, context: StepContext): Promise<unknown> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
  const file = await open(part, flags, 0o600);
  let at = from;
  let synced = from;
  try {
    for await (const chunk of context.openKdkImage(kdk.sha256, from, context.signal)) {
      checkChunk(chunk.offset, chunk.totalBytes, at, chunk.data.length, kdk);
      await file.writeFile(chunk.data);
      at += chunk.data.length;
      if (at - synced < SYNC_EVERY_BYTES && at < kdk.sizeBytes) continue;
      await file.datasync();
      synced = at;
      context.progress(`KDK ${megabytes(at)} of ${megabytes(kdk.sizeBytes)} MB`);
    }
    return null;
  } catch (error) {
    // No later attempt helps before somebody frees space.
    if (isDiskFull(error)) return new AgentError('DISK_FULL', `${kdk.fileName}: the disk is full after ${at} bytes.`);
    return error;
  } finally {
    await file.close();
  }
}

function checkChunk(offset: number, totalBytes: number, at: number, length: number, kdk: KdkSource): void {
  if (totalBytes !== kdk.sizeBytes)
    throw new AgentError(
      'KDK_SHA256_MISMATCH',
      differs(`Size of ${kdk.fileName}`, `${kdk.sizeBytes} bytes`, `${totalBytes} bytes`),
    );
  if (offset !== at || at + length > kdk.sizeBytes)
    throw new Error(differs('Chunk of the KDK image', `offset ${at}`, `offset ${offset} with ${length} bytes`));
}

function downloadDetail(kdk: KdkSource, bytes: number, cause: unknown): string {
  const why = cause instanceof Error ? cause.message : 'the stream ended early';
  return `${kdk.fileName}: ${bytes} of ${kdk.sizeBytes} bytes arrived, then: ${why}.`;
}

function megabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(bytes < 10 * MEGABYTE ? 1 : 0);
}
