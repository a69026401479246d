/** KDK images from the controller, as the install step wants them. What can never work is told at once, not tried again. */
import { AgentError } from '../agent-error.ts';
import type { OpenKdkImage } from '../steps/step.ts';
import type { Controller } from './client.ts';
import { ControllerError } from './controller-error.ts';

const FINAL = ['NOT_FOUND', 'FORBIDDEN', 'VALIDATION_FAILED'];

export function kdkImageFrom(controller: Controller): OpenKdkImage {
  return async function* (sha256, offset, signal) {
    try {
      for await (const chunk of controller.fetchKdk(sha256, offset, signal))
        yield { data: chunk.data, offset: Number(chunk.offset), totalBytes: Number(chunk.totalBytes) };
    } catch (error) {
      if (error instanceof ControllerError && error.code !== null && FINAL.includes(error.code))
        throw new AgentError('KDK_DOWNLOAD_FAILED', error.message);
      throw error;
    }
  };
}
