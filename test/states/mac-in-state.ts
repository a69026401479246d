/** One simulated Mac as the rules see it: its facts read by the real agent's code, and what a controller would remember between them. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type EvaluateInput,
  type Evaluation,
  evaluate,
  type Facts,
  type HostRecord,
  type KcResult,
  type OpenVisit,
  presenceOf,
  quotaWords,
} from '@headroom/core';
import { bootMac, cutPower, restartMac, type SimState, simPaths, updateState } from '@headroom/mac-sim';
import { collectFacts } from '../../apps/agent/dist/facts/index.js';
import { KDK, NEW_RECORD, NO_WORK, RAISE_INTENT, sampleInput } from '../../packages/core/testing/sample-host.ts';
import { type VisitMac, visitMac } from '../kit/visit-mac.ts';

const MINUTE_MS = 60_000;
export const LINE = quotaWords(255).join(' ');

export class MacInState {
  /** What the rules are told beside the facts. */
  changes: Partial<EvaluateInput> = {};
  record: HostRecord = NEW_RECORD;
  private session: string | null = null;
  private minutes = 0;
  private heard: { readonly at: Date; readonly facts: Facts | null } | null = null;

  private constructor(readonly mac: VisitMac) {}

  static async start(): Promise<MacInState> {
    return MacInState.of(await visitMac());
  }

  static of(mac: VisitMac): MacInState {
    return new MacInState(mac);
  }

  get now(): Date {
    return new Date(Date.parse('2026-03-01T08:00:00.000Z') + this.minutes * MINUTE_MS);
  }

  facts(): Promise<Facts> {
    return collectFacts({ sysroot: this.mac.dir });
  }

  /** A minute later the Mac reports, and is judged. */
  async look(): Promise<Evaluation> {
    this.minutes += 1;
    const { now } = this;
    const facts = this.changes.facts === null ? null : await this.facts();
    const session = facts?.boot.sessionId ?? this.session;
    if (session !== this.session) this.record = { ...this.record, bootFirstSeenAt: now.toISOString() };
    this.session = session;
    this.heard = { at: now, facts };
    const { record } = this;
    const evaluation = evaluate(sampleInput({ intent: RAISE_INTENT, ...this.changes, facts, record, now }));
    const everRaised = record.everRaised || evaluation.state === 'raised';
    this.record = { ...record, everRaised, memory: evaluation.memory };
    return evaluation;
  }

  /** Nothing is heard of the Mac for so long: its last report stands, and the clock says what the silence is. */
  stayUnheard(minutes: number, visit: OpenVisit): Evaluation {
    this.minutes += minutes;
    const { now, record, heard } = this;
    const { presence } = presenceOf({
      lastSeenAt: heard?.at ?? null,
      bootFirstSeenAt: dateOrNull(record.bootFirstSeenAt),
      visit: { openedAt: dateOrNull(visit.openedAt), doneAt: dateOrNull(visit.doneAt ?? null) },
      checkInMs: MINUTE_MS,
      now,
    });
    const [facts, work] = [heard?.facts ?? null, { ...NO_WORK, visit }];
    return evaluate(sampleInput({ intent: RAISE_INTENT, ...this.changes, facts, record, presence, work, now }));
  }

  change(change: (draft: SimState) => void): void {
    updateState(this.mac.dir, change);
  }

  restart(): void {
    restartMac(this.mac.dir);
  }

  /** The kernel collection of the kit is the one that this Mac built. */
  async rememberKc(): Promise<void> {
    const { kernelCollections } = await this.facts();
    const found = kernelCollections?.[0];
    if (found === undefined) throw new Error('no kernel collection lies on the Mac');
    const { path, sha256, md5, uuid } = found;
    const { variant } = this.mac.state().hardware;
    const rest = { sizeBytes: 1, bundles: 1, kernelVersionText: 'x' };
    const kc: KcResult = { path, build: '23F79', variant, sha256, md5, uuid: uuid ?? '', ...rest };
    this.record = { ...this.record, kc };
  }

  async rememberKit(): Promise<void> {
    const { visitKit } = await this.facts();
    if (visitKit === null) throw new Error('no kit lies on the Mac');
    const { visitId, quota, kcSha256 } = visitKit;
    this.record = { ...this.record, kit: { visitId, quota, kcSha256, bootArgs: LINE } };
  }

  openVisit(): void {
    this.minutes += 1;
    this.record = { ...this.record, visitOpenedAt: this.now.toISOString() };
  }

  /** What a KDK for this build leaves; a husk has lost its kernel. */
  installKdk(kernel: string | null): void {
    const folder = join(this.mac.dir, `Library/Developer/KDKs/KDK_14.5_${KDK.build}.kdk/System/Library`);
    mkdirSync(join(folder, 'Kernels'), { recursive: true });
    mkdirSync(join(folder, 'CoreServices'), { recursive: true });
    if (kernel !== null) writeFileSync(join(folder, 'Kernels', kernel), 'kernel');
    const plist = `<plist version="1.0"><dict><key>ProductBuildVersion</key><string>${KDK.build}</string></dict></plist>`;
    writeFileSync(
      join(folder, 'CoreServices/SystemVersion.plist'),
      `<?xml version="1.0" encoding="UTF-8"?>\n${plist}\n`,
    );
  }

  /** As far as `csrutil disable` in recoveryOS gets. */
  lower(): void {
    this.change(
      (draft) => void Object.assign(draft.policy, { smb0: true, smb1: true, sip0: '7f', sip2: true, sip3: true }),
    );
  }

  /** As far as `kmutil configure-boot` gets: the collection of the kit is what the next start boots. */
  installObject(): void {
    const { policy, volumes } = this.mac.state();
    const file = join(this.mac.kit, 'KernelCollection.kc');
    const coih = createHash('sha384').update(this.mac.kcUuid).digest('hex').toUpperCase();
    const path = simPaths(this.mac.dir).customKernel(volumes.group, policy.nsih, coih);
    mkdirSync(join(path, '..'), { recursive: true });
    copyFileSync(file, path);
    this.change((draft) => {
      draft.policy.coih = coih;
    });
  }

  store(line: string | null): void {
    this.change((draft) => {
      if (line === null) delete draft.nvram.stored['boot-args'];
      else draft.nvram.stored['boot-args'] = line;
    });
  }

  /** A cold start, as after a power cut. */
  powerCut(): void {
    cutPower(this.mac.dir);
    bootMac(this.mac.dir);
  }
}

function dateOrNull(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
