import { recoverySession } from '@headroom/mac-sim';
import type { ApiClient, Page, VisitRow } from './api-client.ts';

/** What the technician can do to a Mac, whoever it belongs to. */
export interface MacAtTheRack {
  readonly dir: string;
  /** Holds the power button: from macOS to recoveryOS; afterwards the Mac boots macOS again. */
  inRecovery(work: () => Promise<void>): Promise<void>;
  restart(): Promise<void>;
}

export type Say = (text: string) => void;

/**
 * A scripted technician: reads the open visits as any tool would, goes to each Mac, opens the visit to get its line, types
 * it in recoveryOS on a real pseudo-terminal, and answers the questions. One Mac at a time, as a person would.
 */
export class Technician {
  private readonly attempts = new Map<string, number>();

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
      .filter((visit) => this.macs.has(visit.hostId) && this.mayTry(visit.id));
    for (const visit of mine) await this.make(visit);
    return mine.length;
  }

  /** A visit that did not help is made once more, not for ever: a person would ask. */
  private mayTry(visitId: string): boolean {
    return (this.attempts.get(visitId) ?? 0) < 2;
  }

  private async make(visit: VisitRow): Promise<void> {
    const mac = this.macs.get(visit.hostId);
    if (mac === undefined) return;
    this.attempts.set(visit.id, (this.attempts.get(visit.id) ?? 0) + 1);
    const { line } = await this.api.post<{ line: string | null }>(`/api/v1/visits/${visit.id}/open`, {});
    if (visit.kind === 'restart' || line === null) return mac.restart();
    await mac.inRecovery(async () => {
      this.say(`types: ${line}`);
      const result = await recoverySession({ dir: mac.dir, shell: '/bin/dash', line });
      if (result.exitCode !== 0) this.say(`the visit did not end well:\n${result.transcript}`);
    });
  }
}
