/** What the controller says of an image becomes the code whose remedy helps; a cut stream stays one, and is gone on with. */
import type { ErrorCode } from '@headroom/core';
import { expect, it } from 'vitest';
import type { Controller } from './client.ts';
import { ControllerError } from './controller-error.ts';
import { kdkImageFrom } from './kdk-image.ts';

async function fetched(said: ErrorCode | null): Promise<unknown> {
  const fetchKdk: Controller['fetchKdk'] = async function* () {
    yield* [];
    throw new ControllerError(said, 5, 'fetchKdk: it says so');
  };
  const open = kdkImageFrom({ fetchKdk } as unknown as Controller);
  try {
    for await (const _chunk of open('a'.repeat(64), 0, new AbortController().signal));
    return null;
  } catch (error) {
    return error;
  }
}

it.each<[string, ErrorCode, ErrorCode]>([
  ['is not there', 'NOT_FOUND', 'KDK_IMAGE_MISSING'],
  ['is shorter than what arrived', 'VALIDATION_FAILED', 'KDK_IMAGE_MISSING'],
  ['is named by no open job', 'FORBIDDEN', 'KDK_DOWNLOAD_FAILED'],
])('an image that %s (%s) ends with %s', async (_what, said, code) => {
  expect(await fetched(said)).toMatchObject({ name: 'AgentError', code });
});

it.each([null, 'NOT_READY'] as const)('%s is tried again', async (said) => {
  expect(await fetched(said)).toBeInstanceOf(ControllerError);
});
