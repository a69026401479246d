/**
 * FetchKdk: a KDK image from an offset on, in chunks that wait for the reader, though not for ever. A host gets only the image that
 * its own open job names, and has one stream: no Mac keeps the others from theirs.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { FetchKdkRequest, KdkChunk } from '@headroom/proto';
import { Problem } from '../../common/problem.ts';
import { OpenSteps } from '../../jobs/open-steps.ts';
import type { Caller } from '../caller.ts';
import { type KdkFile, KdkFiles } from '../kdk-files.ts';
import { LiveStreams } from '../live-streams.ts';

const CHUNK_BYTES = 256 * 1024;
/** Each one reads from disk and fills a socket; the rest is told to come again. */
const STREAMS_MAX = 64;
/** Who takes no chunk for this long is gone or asleep, and comes again from where it stopped. */
const STALL_MS = 60_000;

/** The agent went away: nobody is there to be told. */
const LEFT = Symbol('left');

type KdkCall = ServerWritableStream<FetchKdkRequest, KdkChunk>;

export class FetchKdkHandler {
  /** The stream of each host. */
  private readonly sending = new Map<string, AbortController>();

  constructor(
    private readonly steps: OpenSteps,
    private readonly files: KdkFiles,
    private readonly streams: LiveStreams,
    private readonly stallMs = STALL_MS,
  ) {}

  async handle(caller: Caller, call: KdkCall): Promise<void> {
    const { file, offset } = await this.find(caller, call.request);
    const leaving = this.begin(caller.hostId);
    const remove = this.streams.add({ caller, sessionNumber: null, cut: (reason) => leaving.abort(reason) });
    call.once('cancelled', () => leaving.abort(LEFT));
    if (call.cancelled) leaving.abort(LEFT);
    try {
      // What was revoked between admission and registering cut nothing yet.
      await this.streams.sweep(caller.hostId);
      await sendFile(call, file, offset, leaving.signal, this.stallMs);
    } catch (error) {
      // The stream may be gone before the news of it arrives here.
      if (error !== LEFT && !call.cancelled && !call.destroyed) throw error;
    } finally {
      if (this.sending.get(caller.hostId) === leaving) this.sending.delete(caller.hostId);
      remove();
    }
  }

  /** An agent asks again when it lost its stream, which this side may not know yet: the new one takes the place of the old. */
  private begin(hostId: string): AbortController {
    const older = this.sending.get(hostId);
    if (older === undefined && this.sending.size >= STREAMS_MAX)
      throw new Problem('NOT_READY', `${STREAMS_MAX} KDK images are being sent already`);
    older?.abort(new Problem('NOT_READY', `host ${hostId} fetches a KDK image anew, and has one stream at a time`));
    const leaving = new AbortController();
    this.sending.set(hostId, leaving);
    return leaving;
  }

  private async find({ hostId }: Caller, request: FetchKdkRequest): Promise<{ file: KdkFile; offset: number }> {
    const { sha256 } = request;
    if (!/^[0-9a-f]{64}$/.test(sha256))
      throw new Problem('VALIDATION_FAILED', 'sha256: expected 64 lower-case hex digits');
    if (!(await this.steps.namesKdk(hostId, sha256)))
      throw new Problem('FORBIDDEN', `no open job of host ${hostId} names the KDK image ${sha256}`);
    const file = await this.files.open(sha256);
    if (file === null) throw new Problem('NOT_FOUND', `this controller has no KDK image ${sha256}`);
    if (request.offset > BigInt(file.sizeBytes))
      throw new Problem('VALIDATION_FAILED', `offset: expected at most ${file.sizeBytes}, seen ${request.offset}`);
    return { file, offset: Number(request.offset) };
  }
}

async function sendFile(
  call: KdkCall,
  file: KdkFile,
  from: number,
  leaving: AbortSignal,
  stallMs: number,
): Promise<void> {
  const image = await open(file.path, 'r');
  try {
    for (let offset = from; offset < file.sizeBytes; ) {
      leaving.throwIfAborted();
      const data = await readChunk(image, offset, file.sizeBytes);
      await written(call, { data, offset: BigInt(offset), totalBytes: BigInt(file.sizeBytes) }, leaving, stallMs);
      offset += data.length;
    }
  } finally {
    await image.close();
  }
}

async function readChunk(image: FileHandle, offset: number, total: number): Promise<Buffer> {
  const data = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, total - offset));
  const { bytesRead } = await image.read(data, 0, data.length, offset);
  if (bytesRead === 0) throw new Error(`the KDK image ends at ${offset}, expected ${total} bytes`);
  return data.subarray(0, bytesRead);
}

/** One chunk at a time: grpc-js itself would hold sixteen of them for a reader that does not read. */
function written(call: KdkCall, chunk: KdkChunk, leaving: AbortSignal, stallMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => end(leaving.reason);
    const stalled = () => end(new Problem('NOT_READY', `no chunk of the KDK image was taken for ${stallMs / 1000} s`));
    const timer = setTimeout(stalled, stallMs);
    const end = (error: unknown) => {
      clearTimeout(timer);
      leaving.removeEventListener('abort', leave);
      if (error) reject(error);
      else resolve();
    };
    leaving.addEventListener('abort', leave, { once: true });
    call.write(chunk, end);
  });
}
