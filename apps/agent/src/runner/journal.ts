/**
 * Journal: one file per job, so that a kill or power cut anywhere is followed by going on, not by guessing.
 * Guarantee: `leased` = nothing was changed; `acting` = it may be half done; `acted` = done, not yet read back; `reported` = its one
 * report is fixed and is sent until the controller has answered it. A record goes when the report was taken.
 */
import { rm } from 'node:fs/promises';
import { namesIn } from '../file-looks.ts';
import { ensureFolder, isObject, readJsonObject, syncFolder, writeJsonAtomic } from '../files.ts';
import type { Mac } from '../mac.ts';
import { HOME, JOURNAL_FOLDER } from '../paths.ts';
import { JOB_ID, type LeasedJob, REPORT_OUTCOMES, type Report } from './job.ts';

const PHASES = ['leased', 'acting', 'acted', 'reported'] as const;
export type Phase = (typeof PHASES)[number];

export interface JournalRecord {
  readonly job: LeasedJob;
  readonly phase: Phase;
  /** Present once the phase is `reported`. */
  readonly report: Report | null;
}

export interface Journal {
  read(jobId: string): Promise<JournalRecord | null>;
  write(record: JournalRecord): Promise<void>;
  remove(jobId: string): Promise<void>;
  /** Another job's record is of work that is over, damaged ones too. */
  removeOthers(jobId: string): Promise<void>;
  all(): Promise<readonly JournalRecord[]>;
}

export async function openJournal(mac: Mac): Promise<Journal> {
  await ensureFolder(mac.path(HOME));
  const folder = mac.path(JOURNAL_FOLDER);
  await ensureFolder(folder);
  const fileOf = (jobId: string): string => {
    if (!JOB_ID.test(jobId)) throw new Error(`${JSON.stringify(jobId.slice(0, 80))} is no job id`);
    return `${folder}/${jobId}.json`;
  };
  const read = async (jobId: string): Promise<JournalRecord | null> => {
    const value = await readJsonObject(fileOf(jobId)).catch(() => null);
    return value !== null && isRecord(value) && value.job.jobId === jobId ? value : null;
  };
  return {
    read,
    write: (record) => writeJsonAtomic(fileOf(record.job.jobId), record),
    async remove(jobId) {
      await rm(fileOf(jobId), { force: true });
      await syncFolder(folder);
    },
    async removeOthers(jobId) {
      const others = (await namesIn(folder)).filter((name) => isRecordName(name) && name !== `${jobId}.json`);
      for (const name of others) await rm(`${folder}/${name}`, { force: true });
      if (others.length > 0) await syncFolder(folder);
    },
    async all() {
      const ids = (await namesIn(folder)).filter(isRecordName).map((name) => name.slice(0, -'.json'.length));
      const records = await Promise.all(ids.filter((id) => JOB_ID.test(id)).map(read));
      return records.filter((record) => record !== null);
    },
  };
}

function isRecordName(name: string): boolean {
  return /^[A-Za-z0-9].*\.json$/.test(name);
}

/**
 * A damaged record counts as none, and so does one that a newer agent wrote in a way that this one does not know: the job is leased
 * again, and its check finds out what was done.
 */
function isRecord(value: Record<string, unknown>): value is Record<string, unknown> & JournalRecord {
  const { job, phase, report } = value;
  return (
    isObject(job) &&
    ['jobId', 'kind', 'planText'].every((key) => typeof job[key] === 'string') &&
    ['leaseNumber', 'generation', 'stepIndex'].every((key) => Number.isSafeInteger(job[key])) &&
    PHASES.some((known) => known === phase) &&
    (phase === 'reported' ? isReport(report) : report === null)
  );
}

/** The code may be one that only a newer agent knows: it is told as it is. */
function isReport(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { outcome, code, detail } = value;
  const isCode = code === null || typeof code === 'string';
  return (
    REPORT_OUTCOMES.some((known) => known === outcome) && isCode && typeof detail === 'string' && 'result' in value
  );
}
