/**
 * Status files: what `headroom-agent status` shows, and what Jamf extension attributes, Munki conditions and osquery read, the same in
 * JSON and as a property list. They hold no secret. Of an earlier life the agent reads back one thing: what was said of a visit.
 */
import { readJsonObject, writeFileAtomic, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { toPlist } from '../macos/plist-write.ts';
import { STATUS_FILE, STATUS_PLIST_FILE } from '../paths.ts';
import { AGENT_VERSION } from '../version.ts';
import { openHome } from './identity.ts';
import { readVisitStatus, type VisitStatus } from './visit-status.ts';

/** Keys and their types are read by others: they may grow, and never change. */
export interface AgentStatus {
  readonly agentVersion: string;
  readonly pid: number;
  readonly hostId: string | null;
  readonly fleetId: string | null;
  readonly controller: string | null;
  readonly lastContactAt: string | null;
  readonly job: { readonly jobId: string; readonly kind: string; readonly progress: string } | null;
  /** `link` = with the controller; it is taken back once that answers. */
  readonly lastError: {
    readonly code: string;
    readonly detail: string;
    readonly at: string;
    readonly of: 'link' | 'job';
  } | null;
  /** As read last; null before the first reading. */
  readonly mac: MacStatus | null;
  /** The last visit that this Mac was told of; null = none yet. */
  readonly visit: VisitStatus | null;
}

export type MacStatus = {
  readonly build: string | null;
  readonly kernelConfig: string | null;
  /** How many macOS guests kernel and arguments in force allow. */
  readonly guestQuota: number | null;
  /** null = what lies there cannot be read. */
  readonly visitKitPlaced: boolean | null;
  /** macOS guests that a witness counted in this boot; null = nobody has counted. */
  readonly witnessedGuests: number | null;
};

export interface StatusFile {
  update(change: Partial<AgentStatus>): Promise<void>;
  /** Takes back the last error if it is this one: it is over. */
  clearError(code: string): Promise<void>;
  /** What it holds now, as JSON text. */
  text(): string;
  visit(): VisitStatus | null;
}

/** Keeps the files in step with what it is told. A write that fails is no reason to stop the agent's work. */
export async function openStatusFile(mac: Mac, onError: (error: unknown) => void): Promise<StatusFile> {
  let status: AgentStatus = {
    agentVersion: AGENT_VERSION,
    pid: process.pid,
    hostId: null,
    fleetId: null,
    controller: null,
    lastContactAt: null,
    job: null,
    lastError: null,
    mac: null,
    visit: await visitBefore(mac, onError),
  };
  let writing = Promise.resolve();
  const update = (change: Partial<AgentStatus>): Promise<void> => {
    status = { ...status, ...change };
    const shown = status;
    writing = writing
      .then(() => openHome(mac))
      .then(() => writeJsonAtomic(mac.path(STATUS_FILE), shown, 0o644))
      .then(() => writeFileAtomic(mac.path(STATUS_PLIST_FILE), toPlist({ ...shown }), 0o644))
      .catch(onError);
    return writing;
  };
  return {
    update,
    clearError: async (code) => {
      if (status.lastError?.code === code) await update({ lastError: null });
    },
    text: () => `${JSON.stringify(status)}\n`,
    visit: () => status.visit,
  };
}

/** A status file that cannot be read is no reason not to start. */
async function visitBefore(mac: Mac, onError: (error: unknown) => void): Promise<VisitStatus | null> {
  try {
    return readVisitStatus(await readStatus(mac));
  } catch (error) {
    onError(error);
    return null;
  }
}

export function readStatus(mac: Mac): Promise<Record<string, unknown> | null> {
  return readJsonObject(mac.path(STATUS_FILE));
}
