import { recoverySession } from '@headroom/mac-sim';
import type { ApiClient, Page, VisitRow } from './api-client.ts';

/** What the technician can do to a Mac, whoever it belongs to. */
export interface MacAtTheRack {
  readonly dir: string;
  readonly name: string;
  /** Holds the power button: from macOS to recoveryOS; afterwards the Mac boots macOS again. */
  inRecovery(work: () => Promise<void>): Promise<void>;
  restart(): Promise<void>;
}

export type Say = (text: string) => void;

/** A visit that did not help is made again after this long, as a person would wait for the Mac to come back. */
const RETRY_MS = 20_000;
const ATTEMPTS_MAX = 3;

/**
 * Scripted technicians: they read the open visits as any tool would, go to each Mac, open the visit to get its line, type it
 * in recoveryOS on a real pseudo-terminal, and answer the questions. One person for each Mac.
 */
export class Technicians {
  private readonly attempts = new Map<string, { count: number; at: number }>();

  constructor(
    private readonly api: ApiClient,
    private readonly macs: ReadonlyMap<string, MacAtTheRack>,
    private readonly say: Say,
  ) {}

  /** Makes every visit that waits now; returns how many. */
  async round(): Promise<number> {
    const waiting = await Promise.all(
      ['due', 'open'].map((state) => this.api.get<Page<VisitRow>>(`/api/v1/visits?state=${state}&limit=200`)),
    );
    const mine = waiting
      .flatMap(({ items }) => items)
      // A recover visit begins with looking at a screen, which no script does.
      .filter(({ id, hostId, kind }) => kind !== 'recover' && this.macs.has(hostId) && this.mayTry(id));
    const made = await Promise.allSettled(mine.map((visit) => this.make(visit)));
    for (const result of made)
      if (result.status === 'rejected') this.say(`technician: ${(result.reason as Error).message}`);
    return mine.length;
  }

  private mayTry(visitId: string): boolean {
    const last = this.attempts.get(visitId);
    return last === undefined || (last.count < ATTEMPTS_MAX && Date.now() - last.at > RETRY_MS);
  }

  private async make(visit: VisitRow): Promise<void> {
    const mac = this.macs.get(visit.hostId);
    if (mac === undefined) return;
    const attempt = { count: (this.attempts.get(visit.id)?.count ?? 0) + 1, at: Date.now() };
    this.attempts.set(visit.id, attempt);
    try {
      const { line } = await this.api.post<{ line: string | null }>(`/api/v1/visits/${visit.id}/open`, {});
      if (visit.kind === 'restart' || line === null) return await mac.restart();
      await mac.inRecovery(() => this.type(mac, line));
    } finally {
      attempt.at = Date.now();
    }
  }

  private async type(mac: MacAtTheRack, line: string): Promise<void> {
    this.say(`${mac.name} in recoveryOS, a person types: ${line}`);
    const result = await recoverySession({ dir: mac.dir, shell: '/bin/dash', line });
    if (result.exitCode !== 0)
      this.say(`the visit to ${mac.name} did not end well (${result.reason}):\n${result.transcript}`);
  }
}
