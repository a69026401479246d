/**
 * The people of a run: technicians, who come late, come twice, or lose the power in the middle; and an admin, who changes his mind, and
 * in the end does what each finding says, and nothing else.
 */
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadState, type PersonInput, recoverySession, stopGuests } from '@headroom/mac-sim';
import type { HostDetail, Page, VisitRow } from '@headroom/quickstart';
import type { Random } from '../../scripts/fuzz/random.ts';
import { kill } from '../e2e/support/start-process.ts';
import { pause } from '../e2e/support/until.ts';
import { type Bed, type ChaosMac, LABEL, powerOf } from './bed.ts';

export const QUOTA = 16;
const HOME = 'private/var/db/headroom';
const AGAIN_MS = 4_000;
const REVERT_LINE = 'sh /Volumes/*/Library/Headroom/revert';
/** The power fails in place of an answer. */
const CUTS: readonly PersonInput[] = ['\\[y/n\\]: $', 'Password: $'].map((when) => ({
  rules: [{ when, powerCut: true, times: 1 }],
}));

export class People {
  /** Done by hand, as a finding said. */
  readonly remedies: string[] = [];
  private readonly at = new Set<ChaosMac>();
  private readonly tried = new Map<string, number>();
  private readonly lines = new Map<ChaosMac, string>();

  constructor(
    private readonly bed: Bed,
    private readonly random: Random,
    private readonly note: (text: string) => void,
  ) {}

  isAt(mac: ChaosMac): boolean {
    return this.at.has(mac);
  }

  /** One after the other goes to the Macs that wait for somebody. `carefully` = nothing odd happens any more. */
  async visits(carefully: boolean): Promise<void> {
    const waiting = await Promise.all(
      ['due', 'open'].map((state) => this.bed.api.get<Page<VisitRow>>(`/api/v1/visits?state=${state}&limit=200`)),
    );
    for (const visit of waiting.flatMap(({ items }) => items)) {
      const mac = this.bed.macs.find(({ hostId }) => hostId === visit.hostId);
      if (mac === undefined || Date.now() - (this.tried.get(visit.id) ?? 0) < AGAIN_MS) continue;
      this.tried.set(visit.id, Date.now());
      await this.visit(visit, mac, carefully).catch((error: Error) => this.note(`technician: ${error.message}`));
    }
  }

  private async visit(visit: VisitRow, mac: ChaosMac, carefully: boolean): Promise<void> {
    const { line } = await this.bed.api.post<{ line: string | null }>(`/api/v1/visits/${visit.id}/open`, {});
    const odd = carefully
      ? 'nothing'
      : this.random.pick(['nothing', 'nothing', 'late', 'twice', 'power cut', 'old line']);
    if (odd === 'late') await pause(this.random.below(3_000));
    this.note(`${visit.kind} visit to ${mac.mac.name}: ${odd}`);
    this.at.add(mac);
    try {
      if (visit.kind === 'restart' || line === null) return await mac.mac.restart();
      const older = this.lines.get(mac);
      if (odd === 'old line' && older !== undefined) await this.inRecovery(mac, older, {});
      await this.inRecovery(mac, line, odd === 'power cut' ? this.random.pick(CUTS) : {});
      if (odd === 'twice') await this.inRecovery(mac, line, {});
      if (visit.kind === 'revert' && carefully) await this.byHand(mac);
      this.lines.set(mac, line);
    } finally {
      this.at.delete(mac);
    }
  }

  /** What the run sheet says for a kit that is gone, or that breaks off. */
  private async byHand(mac: ChaosMac): Promise<void> {
    const { coih, sip0 } = loadState(mac.mac.dir).policy;
    if (coih !== null || sip0 !== null)
      await this.done('taken back by hand', this.inRecovery(mac, 'csrutil enable; reboot', {}));
  }

  private async inRecovery({ mac }: ChaosMac, line: string, person: PersonInput): Promise<void> {
    await mac.inRecovery(async () => {
      const { reason, transcript } = await recoverySession({ dir: mac.dir, shell: '/bin/dash', line, person });
      if (reason !== null) this.note(`${mac.name}: ${reason}: ${transcript.trim().split('\n').slice(-3).join(' | ')}`);
    });
  }

  /** A new revision with an exception of its own, for every Mac of the label. */
  async wantRaise(): Promise<string> {
    const { api } = this.bed;
    const exception = {
      ...{ purpose: 'chaos', reason: 'chaos', expiresInDays: 90, confirmHighQuota: true },
      acceptClause: (await api.get<{ version: string }>('/api/v1/licence-clause')).version,
    };
    const wanted = { quota: QUOTA, selector: { labels: [LABEL] }, exception, apply: true };
    const { items } = await api.get<Page<{ id: string }>>('/api/v1/policies');
    const [policy] = items;
    await (policy === undefined
      ? api.post('/api/v1/policies', { name: LABEL, ...wanted })
      : api.post(`/api/v1/policies/${policy.id}/revisions`, wanted));
    return '';
  }

  async revoke(): Promise<string | null> {
    const { items } = await this.bed.api.get<Page<{ id: string }>>('/api/v1/exceptions?filter=state==valid');
    const [newest] = items;
    if (newest === undefined) return null;
    await this.bed.api.post(`/api/v1/exceptions/${newest.id}/revoke`, { reason: 'chaos' });
    return newest.id;
  }

  async takeBack({ hostId, mac }: ChaosMac): Promise<string> {
    await this.bed.api.post(`/api/v1/hosts/${hostId}/revert`, { reason: 'chaos' });
    return mac.name;
  }

  /** Does what is said of a Mac that is not where it should be. */
  async help(mac: ChaosMac, host: HostDetail): Promise<void> {
    for (const { code } of host.findings) await this.follow(code, mac);
    if (host.presence !== 'online' || powerOf(mac) !== 'macos') await this.lookAt(mac);
  }

  private async follow(code: string, { mac, hostId }: ChaosMac): Promise<void> {
    const { version, build } = loadState(mac.dir).os;
    if (code === 'GUESTS_RUNNING') return void stopGuests(mac.dir, 1_000);
    if (code === 'GRANT_MISSING' || code === 'GRANT_EXPIRED') return void (await this.done(code, this.wantRaise()));
    if (code === 'KDK_NOT_IN_CATALOGUE') return this.done(code, this.bed.provideKdk(version, build));
    if (!code.startsWith('STEP_FAILED')) return;
    const jobs = await this.bed.api.get<Page<FailedJob>>(`/api/v1/jobs?host=${hostId}&replayable=true&limit=1`);
    for (const { id, kind, errorCode } of jobs.items) {
      if (['KDK_IMAGE_MISSING', 'KDK_SHA256_MISMATCH'].includes(errorCode ?? ''))
        await this.done(errorCode ?? '', this.bed.provideKdk(version, build));
      await this.done(`${kind} ${errorCode}: retry`, this.bed.api.post(`/api/v1/jobs/${id}/replay`, {}));
    }
  }

  /** Silent: somebody goes there, and asks the agent's own doctor. */
  private async lookAt(target: ChaosMac): Promise<void> {
    const { mac, hostId } = target;
    if (powerOf(target) === 'off') await mac.sim.boot();
    // What the page beside it says of a Mac that stops at an error.
    if (powerOf(target) === 'failed') {
      await this.done('does not start: taken back', this.inRecovery(target, REVERT_LINE, {}));
      await this.byHand(target);
    }
    if (powerOf(target) !== 'macos') return;
    const said = await this.bed.onMac(mac, 'doctor', '--json');
    const looks = said === '' ? [] : (JSON.parse(said) as { name: string; ok: boolean }[]);
    const bad = looks.filter(({ ok }) => !ok).map(({ name }) => name);
    if (bad.includes('identity')) {
      await this.bed.api.post(`/api/v1/hosts/${hostId}/certificates/revoke`, { reason: 'identity damaged' });
      rmSync(join(mac.dir, HOME, 'identity.json'), { force: true });
      await this.done('identity damaged: enrolled again', this.bed.enrol(mac));
    }
    if (bad.includes('memory')) {
      const file = join(mac.dir, HOME, 'state.json');
      renameSync(file, `${file}.damaged`);
      for (const pid of this.bed.processesOn(mac, /main\.js run/)) kill(pid);
      this.remedies.push('state.json moved away');
    }
  }

  private async done(what: string, work: Promise<unknown>): Promise<void> {
    await work;
    this.remedies.push(what);
  }
}

interface FailedJob {
  readonly id: string;
  readonly kind: string;
  readonly errorCode: string | null;
}

export function agentSaid(mac: ChaosMac): string {
  const read = (name: string) => {
    try {
      return readFileSync(join(mac.mac.dir, HOME, name), 'utf8').slice(0, 1_500);
    } catch (error) {
      return String(error);
    }
  };
  return read('status.json');
}
