/** KDK images from the controller, as the install step wants them. What can never work is told at once, not tried again. */
import type { ErrorCode } from '@headroom/core';
import { AgentError } from '../agent-error.ts';
import type { OpenKdkImage } from '../steps/step.ts';
import type { Controller } from './client.ts';
import { ControllerError } from './controller-error.ts';

/** The image is gone at the controller; no open job names it any more; the image there ends before the byte that was asked for. */
const FINAL: Partial<Record<ErrorCode, ErrorCode>> = {
  NOT_FOUND: 'KDK_IMAGE_MISSING',
  FORBIDDEN: 'KDK_DOWNLOAD_FAILED',
  VALIDATION_FAILED: 'KDK_IMAGE_MISSING',
};

export function kdkImageFrom(controller: Controller): OpenKdkImage {
  return async function* (sha256, offset, signal) {
    try {
      for await (const chunk of controller.fetchKdk(sha256, offset, signal))
        yield { data: chunk.data, offset: Number(chunk.offset), totalBytes: Number(chunk.totalBytes) };
    } catch (error) {
      const code = error instanceof ControllerError && error.code !== null ? FINAL[error.code] : undefined;
      throw code === undefined ? error : new AgentError(code, (error as Error).message);
    }
  };
}
