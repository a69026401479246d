/** Status file: what `headroom-agent status` shows, for people at the Mac. Holds no secret and is never read by the agent itself. */
import { readJsonObject, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { STATUS_FILE } from '../paths.ts';
import { AGENT_VERSION } from '../version.ts';
import { openHome } from './identity.ts';

export interface AgentStatus {
  readonly agentVersion: string;
  readonly pid: number;
  readonly hostId: string | null;
  readonly fleetId: string | null;
  readonly controller: string | null;
  readonly lastContactAt: string | null;
  readonly job: { readonly jobId: string; readonly kind: string; readonly progress: string } | null;
  readonly lastError: { readonly code: string; readonly detail: string; readonly at: string } | null;
}

export interface StatusFile {
  update(change: Partial<AgentStatus>): Promise<void>;
}

/** Keeps the file in step with what it is told. A write that fails is no reason to stop the agent's work. */
export function openStatusFile(mac: Mac, onError: (error: unknown) => void): StatusFile {
  let status: AgentStatus = {
    agentVersion: AGENT_VERSION,
    pid: process.pid,
    hostId: null,
    fleetId: null,
    controller: null,
    lastContactAt: null,
    job: null,
    lastError: null,
  };
  let writing = Promise.resolve();
  return {
    update(change) {
      status = { ...status, ...change };
      const shown = status;
      writing = writing
        .then(() => openHome(mac))
        .then(() => writeJsonAtomic(mac.path(STATUS_FILE), shown, 0o644))
        .catch(onError);
      return writing;
    },
  };
}

export function readStatus(mac: Mac): Promise<Record<string, unknown> | null> {
  return readJsonObject(mac.path(STATUS_FILE));
}
