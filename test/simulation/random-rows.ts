/** Small tables at random, in which what statements ask about is met often: few hosts, few instants, rows in no order. */
import {
  AT_ONCE,
  type Facts,
  HOST_STATES,
  QUOTA_STOCK,
  ROLLOUT_STATES,
  type RolloutStrategy,
  TARGET_STATES,
} from '@headroom/core';
import { KC, kcStagedFacts, stockFacts } from '../../packages/core/testing/sample-host.ts';
import type { Random } from '../../scripts/fuzz/random.ts';
import { giveConsent } from './approver.ts';
import { BUILDS } from './memory-database.ts';
import { CANARY, LABELS } from './people.ts';
import { type HostRow, newHost, noRows, type Rows } from './rows.ts';
import { START } from './timeline.ts';

const HOUR = 3_600_000;
export const MAKERS = ['token:admin', 'system:labels', 'system:exceptions'] as const;

export class RandomRows {
  readonly rows: Rows = noRows();

  constructor(readonly random: Random) {
    this.addHosts();
    this.addPolicies();
    this.addExceptions();
    this.addRollouts();
    for (const { id } of this.rows.hosts) this.addWork(id);
    for (const table of Object.values(this.rows) as unknown[][]) this.shuffle(table);
  }

  /** Before, at and after the time at which is asked. */
  time(): Date {
    return new Date(START + this.random.pick([-48, -1, 0, 1]) * HOUR);
  }

  maybeTime(): Date | null {
    return this.random.below(2) === 0 ? null : this.time();
  }

  isSo(count: number, of: number): boolean {
    return this.random.below(of) < count;
  }

  some<T>(values: readonly T[]): readonly T[] {
    return values.filter(() => this.random.below(2) === 0);
  }

  idOf(table: 'hosts' | 'policies' | 'revisions' | 'exceptions' | 'grants' | 'rollouts'): string {
    return this.random.pick<{ readonly id: string }>(this.rows[table]).id;
  }

  hostIds(): readonly string[] {
    return this.some(this.rows.hosts).map(({ id }) => id);
  }

  strategy(): RolloutStrategy | null {
    const { random } = this;
    if (random.below(3) === 0) return null;
    const [all] = AT_ONCE.rings;
    const first = { ...all, name: 'first', take: { kind: 'label' as const, label: CANARY } };
    return {
      ...AT_ONCE,
      rings: [first, ...AT_ONCE.rings] as RolloutStrategy['rings'],
      success: random.pick(['prepared', 'raised', 'witnessed', 'witnessed']),
      concurrency: { ...AT_ONCE.concurrency, perKdk: random.pick([null, 1]) },
      lateJoiners: random.pick(['leave', 'last_ring']),
    };
  }

  private shuffle(table: unknown[]): void {
    for (let at = table.length - 1; at > 0; at -= 1) {
      const other = this.random.below(at + 1);
      [table[at], table[other]] = [table[other], table[at]];
    }
  }

  private addHosts(): void {
    const { random } = this;
    for (let nth = 0; nth < 4; nth += 1) {
      const host: HostRow = newHost(
        idFrom(1, nth),
        `3D6B9F2E-1111-4222-8333-${String(nth).padStart(12, '0')}`,
        this.time(),
      );
      host.labels = this.some([...LABELS, CANARY]).toSorted();
      host.location = random.pick([null, 'Basel', 'Bern']);
      host.relabelledAt = this.maybeTime();
      Object.assign(host.report, { facts: this.facts(), bootSessionId: random.pick([null, 'A', 'B']) });
      Object.assign(host.state, { state: random.pick([...HOST_STATES, 'raised', 'raised']), dueAt: this.maybeTime() });
      this.rows.hosts.push(host);
    }
  }

  private facts(): Facts | null {
    const { random } = this;
    if (random.below(5) === 0) return null;
    const facts = stockFacts();
    const [kdk] = kcStagedFacts().kdks ?? [];
    const build = random.pick([...BUILDS, null]);
    return {
      ...facts,
      os: { ...facts.os, baseBuild: build },
      kernel: { ...facts.kernel, variant: random.pick(['T6020', 't6020', 'T8112', null]) },
      kdks: random.pick([
        null,
        [],
        kdk === undefined ? [] : [{ ...kdk, build: random.pick(BUILDS), complete: this.isSo(2, 3) }],
      ]),
      kernelCollections: random.pick([[], [], [{ ...KC, build: random.pick(BUILDS) }]]),
    };
  }

  private addPolicies(): void {
    const { random, rows } = this;
    for (let nth = 0; nth < 2; nth += 1) {
      const policyId = idFrom(2, nth);
      for (let number = 1; number <= 2; number += 1)
        rows.revisions.push({
          ...{ id: idFrom(3, nth * 2 + number), policyId, number, priority: random.below(2), extraArgs: [] },
          quota: random.pick([QUOTA_STOCK, 8, 8]),
          selector: { labels: [random.pick(LABELS)], hosts: this.hostIds().toSorted(), filter: null },
          strategy: this.strategy(),
        });
      const mine = rows.revisions.filter((one) => one.policyId === policyId).map(({ id }) => id);
      const archivedAt = this.isSo(1, 4) ? this.time() : null;
      rows.policies.push({
        id: policyId,
        name: `policy-${nth}`,
        appliedRevisionId: random.pick([null, ...mine]),
        archivedAt,
      });
    }
  }

  private addExceptions(): void {
    const { rows } = this;
    for (let nth = 0; nth < 3; nth += 1) {
      const exceptionId = idFrom(4, nth);
      rows.exceptions.push({
        ...{
          id: exceptionId,
          policyRevisionId: this.idOf('revisions'),
          purpose: 'test',
          awaitsApproval: this.isSo(1, 4),
        },
        ...{ expiresAt: this.time(), revokedAt: this.isSo(1, 3) ? this.time() : null, endedAt: null },
        ...(this.isSo(1, 4) && { endedAt: this.time() }),
      });
      const uuids = this.some(rows.hosts).map(({ hardwareUuid }) => hardwareUuid);
      const grant = giveConsent(idFrom(5, nth), uuids, 8, START, HOUR);
      const revokedAt = this.isSo(1, 4) ? this.time() : null;
      rows.grants.push({
        ...grant,
        exceptionId: this.idOf('exceptions'),
        expiresAt: this.isSo(1, 2) ? grant.expiresAt : this.time(),
        revokedAt,
      });
    }
  }

  private addRollouts(): void {
    const { random, rows } = this;
    for (let nth = 0; nth < 4; nth += 1) {
      const id = idFrom(6, nth);
      rows.rollouts.push({
        ...{ id, revisionId: this.isSo(1, 2) ? null : this.idOf('revisions'), strategy: this.strategy() },
        exceptionId: this.isSo(1, 3) ? this.idOf('exceptions') : null,
        ...{ title: random.pick([null, 'by hand']), createdBy: random.pick(MAKERS), createdAt: this.time() },
        ...{ asksConfirmation: this.isSo(1, 3), confirmedAt: null, stateReason: null, gatesOpened: [] },
        state: random.pick([...ROLLOUT_STATES, 'running', 'running']),
        ...{ decidedAt: this.maybeTime(), reviewAt: this.maybeTime(), finishedAt: null },
      });
      const isOver = this.isSo(1, 3);
      const states = TARGET_STATES.filter((state) => !isOver || (state !== 'pending' && state !== 'opened'));
      for (const hostId of rows.hosts.map((host) => host.id).filter(() => this.isSo(2, 3)))
        rows.targets.push({
          ...{ rolloutId: id, hostId, ring: random.below(2), reason: null },
          state: random.pick(isOver ? states : [...states, 'pending', 'pending', 'pending', 'opened']),
          ...{ openedAt: this.maybeTime(), endedAt: this.maybeTime(), notedAt: this.time() },
        });
    }
  }

  /** What is wanted of a host, and what is done about it. */
  private addWork(hostId: string): void {
    const { random, rows } = this;
    if (this.isSo(3, 4)) {
      const quota = random.pick([QUOTA_STOCK, 8]);
      rows.intents.push({
        ...{ hostId, number: 1 + random.below(3), quota, extraArgs: [] },
        // No raise is wanted without both.
        revisionId: quota > QUOTA_STOCK || this.isSo(1, 3) ? this.idOf('revisions') : null,
        grantId: quota > QUOTA_STOCK || this.isSo(1, 3) ? this.idOf('grants') : null,
        rolloutId: this.isSo(2, 3) ? this.idOf('rollouts') : null,
      });
    }
    const nth = Number(hostId.slice(-4));
    for (const state of this.some(['done', 'open']))
      rows.plans.push({
        ...{ id: idFrom(7, nth * 2 + (state === 'open' ? 1 : 0)), hostId, intentNumber: 1, state },
        ...{ generation: state === 'open' ? 2n : 1n, bytes: Buffer.from('{}') },
        grantId: this.isSo(2, 3) ? this.idOf('grants') : null,
      });
    for (const states of [
      ['closed', 'withdrawn'],
      ['due', 'open'],
    ].filter(() => this.isSo(1, 2)))
      rows.visits.push({
        ...{ id: idFrom(8, nth * 2 + (states[0] === 'due' ? 1 : 0)), hostId, state: random.pick(states) },
        kind: random.pick(['raise', 'restart', 'revert']),
        ...{
          code: null,
          quota: 8,
          bootArgs: null,
          kcMd5: null,
          expiresAt: null,
          createdAt: this.time(),
          openedAt: null,
        },
      });
    for (const [at, bootSessionId] of ['A', 'B'].entries())
      if (this.isSo(1, 3))
        rows.witnesses.push({
          ...{ id: idFrom(9, nth * 2 + at), hostId, bootSessionId, macosGuests: 1 + random.below(4) },
          ...{ source: 'probe', saidBy: 'agent', at: new Date(START - at * HOUR), countedAt: this.maybeTime() },
          ...{ build: random.pick([...BUILDS, null]), variant: random.pick(['T6020', 't6020', 'T8112', null]) },
        });
  }
}

/** In the order of ids, as UUIDv7 are; older than any that is made now. */
function idFrom(kind: number, nth: number): string {
  return `0195000${kind}-0000-7000-8000-${String(nth).padStart(12, '0')}`;
}
