/** People at the controller's doors: they apply policies, consent, and steer rollouts, all through the product's own services. */
import { QUOTA_STOCK, type RolloutStrategy, WITNESS_GUESTS_MIN } from '@headroom/core';
import type { Actor } from '../../apps/controller/src/api/api-tokens.ts';
import { uuidv7 } from '../../apps/controller/src/common/ids.ts';
import { Problem } from '../../apps/controller/src/common/problem.ts';
import type { ExceptionOrder } from '../../apps/controller/src/exceptions/exceptions.ts';
import { hostUuidsOf } from '../../apps/controller/src/exceptions/grant-check.ts';
import { CONTROLS } from '../../apps/controller/src/rollouts/rollout-control.ts';
import { giveConsent } from './approver.ts';
import { type GrantRow, hostOf, type RevisionRow, type RolloutRow, type Rows } from './rows.ts';
import type { SimController } from './sim-controller.ts';
import type { SimMac } from './sim-mac.ts';
import type { Watch } from './watch.ts';

/** Each is a policy's selector; a Mac with both is held by the last. */
export const LABELS = ['fleet', 'lab'] as const;
/** Of the Macs with it, some are a ring of their own. */
export const CANARY = 'canary';
const ADMIN: Actor = {
  tokenId: 'admin',
  name: 'token:admin',
  role: 'admin',
  permissions: ['policy.apply', 'exception.approve'],
};
const LIVE = ['running', 'paused', 'halted', 'waiting_for_confirmation'];

export interface PeoplePorts {
  readonly rows: Rows;
  readonly watch: Watch;
  readonly controller: SimController;
  readonly now: () => number;
  readonly note: (text: string) => void;
}

export interface Wanted {
  /** Index of the label. */
  readonly policy: number;
  readonly quota: number;
  readonly strategy: RolloutStrategy | null;
  readonly lastsMs: number;
}

export type Steer = (typeof CONTROLS)[number] | 'retry' | 'gate' | 'skip';

export class People {
  constructor(private readonly ports: PeoplePorts) {}

  /** A new revision of a policy, with consent where it needs some, applied at once. */
  async apply({ policy, quota, strategy, lastsMs }: Wanted): Promise<void> {
    const { rows } = this.ports;
    const policyId = this.policyOf(policy);
    const number = rows.revisions.filter((one) => one.policyId === policyId).length + 1;
    const revision: RevisionRow = {
      ...{ id: uuidv7(this.ports.now()), policyId, number, priority: policy, quota, extraArgs: [], strategy },
      selector: { labels: [LABELS[policy] ?? ''], hosts: [], filter: null },
    };
    rows.revisions.push(revision);
    await this.applyAgain(revision, lastsMs);
  }

  async applyAgain(revision: RevisionRow, lastsMs: number): Promise<void> {
    const { controller } = this.ports;
    const name = rowOf(this.ports.rows.policies, revision.policyId).name;
    const exception = { approvals: 'self', lastsMs } as never;
    await this.tried(`applies ${name} ${revision.number}: quota ${revision.quota}`, () =>
      controller.apply({
        revision: { ...revision, policy: name },
        exception,
        apply: true,
        actor: ADMIN,
        now: this.date(),
      }),
    );
  }

  /** As the approver's door does it, but for minutes, where an exception counts days. */
  ask({ input, revision, hosts, now }: ExceptionOrder): { id: string; awaitsApproval: boolean } {
    const { rows, watch } = this.ports;
    const { lastsMs } = input as unknown as { lastsMs: number };
    const id = uuidv7(now.getTime());
    const uuids = hosts.map(({ hardwareUuid }) => hardwareUuid);
    const grant = giveConsent(uuidv7(now.getTime()), uuids, revision.quota, now.getTime(), lastsMs);
    watch.consents.add(grant.payload);
    const { expiresAt } = grant;
    rows.exceptions.push({
      ...{ id, policyRevisionId: revision.id, purpose: 'simulation', awaitsApproval: false },
      ...{ expiresAt, revokedAt: null, endedAt: null },
    });
    rows.grants.push({ ...grant, exceptionId: id });
    return { id, awaitsApproval: false };
  }

  /** The nth newest exception that is still in force. */
  async revoke(nth: number): Promise<void> {
    const inForce = this.ports.rows.exceptions.filter(
      ({ revokedAt, endedAt }) => revokedAt === null && endedAt === null,
    );
    const exception = pick([...inForce].reverse(), nth);
    if (exception === undefined) return;
    await this.tried('revokes an exception', () => this.ports.controller.exceptions.revoke(exception.id, ADMIN.name));
  }

  async label(hostId: string, label: string, present: boolean): Promise<void> {
    const host = hostOf(this.ports.rows, hostId);
    if (host.labels.includes(label) === present) return;
    host.labels = present ? [...host.labels, label] : host.labels.filter((one) => one !== label);
    host.relabelledAt ??= this.date();
    this.ports.note(`${hostId}: ${present ? 'gets' : 'loses'} the label ${label}`);
  }

  /** Starts as many macOS guests on it as it lets, up to one more than every Mac does, and says how many are alive. */
  async witness(hostId: string, mac: SimMac): Promise<void> {
    const { watch, controller } = this.ports;
    const macosGuests = Math.min(mac.quotaInForce() ?? QUOTA_STOCK, WITNESS_GUESTS_MIN);
    const seen = { hostId, macosGuests, bootSessionId: mac.bootSession, source: 'probe' };
    await this.tried(`counts ${macosGuests} guests on ${hostId}`, async () => {
      await controller.witnesses.take({ ...seen, actor: ADMIN.name, now: this.date() });
      if (macosGuests >= WITNESS_GUESTS_MIN) watch.rollouts.onWitness(mac.variant, mac.disk.build);
    });
  }

  place(hostId: string, location: string | null): void {
    hostOf(this.ports.rows, hostId).location = location;
  }

  /** One thing with the nth newest live rollout: `which` is its ring or its Mac. */
  async steer(steer: Steer, nth: number, which: number): Promise<void> {
    const rollout = pick(this.liveRollouts().reverse(), nth);
    if (rollout !== undefined) await this.steerOne(steer, rollout, which);
  }

  /** Patient and of good will: whatever waits for a person, or for somebody to try it again, gets it. */
  async help(lastsMs: number): Promise<void> {
    for (const rollout of this.liveRollouts()) {
      if (rollout.state === 'waiting_for_confirmation') await this.steerOne('confirm', rollout, 0);
      await this.steerOne('retry', rollout, 0);
      if (rollout.state === 'paused' || rollout.state === 'halted') await this.steerOne('resume', rollout, 0);
      for (const [ring, { gate }] of (rollout.strategy?.rings ?? []).entries())
        if (gate === 'manual' && !rollout.gatesOpened.includes(ring)) await this.steerOne('gate', rollout, ring);
    }
    for (const revision of this.appliedRevisions())
      if (this.isLeftOut(revision)) await this.applyAgain(revision, lastsMs);
  }

  /** What the policy that holds it wants of a Mac now: 2 = stock. */
  wantedOf(hostId: string): number {
    return this.holderOf(hostId)?.quota ?? QUOTA_STOCK;
  }

  private holderOf(hostId: string): RevisionRow | undefined {
    const { labels } = hostOf(this.ports.rows, hostId);
    return this.appliedRevisions().findLast(({ selector }) => selector.labels.some((label) => labels.includes(label)));
  }

  /** In the order of priority. */
  private appliedRevisions(): readonly RevisionRow[] {
    const { rows } = this.ports;
    const applied = rows.policies.map(({ appliedRevisionId }) => appliedRevisionId);
    return rows.revisions.filter(({ id }) => applied.includes(id)).sort((a, b) => a.priority - b.priority);
  }

  /** Is there a Mac that this policy holds, or held, and that nothing brings to where it should be? */
  private isLeftOut(revision: RevisionRow): boolean {
    const { rows } = this.ports;
    const live = new Set(this.liveRollouts().map(({ id }) => id));
    const isOnTheWay = (hostId: string) =>
      rows.targets.some(
        (one) =>
          one.hostId === hostId && live.has(one.rolloutId) && !/^(skipped|superseded|succeeded)$/.test(one.state),
      );
    return rows.hosts.some(({ id }) => {
      const intent = rows.intents.find(({ hostId }) => hostId === id);
      const holder = this.holderOf(id);
      const before = rows.revisions.find((one) => one.id === intent?.revisionId);
      const isMine = holder?.id === revision.id || (holder === undefined && before?.policyId === revision.policyId);
      if (!isMine) return false;
      if (holder !== undefined && this.lacksConsent(holder, id)) return true;
      if (isOnTheWay(id)) return false;
      return (intent?.quota ?? QUOTA_STOCK) !== this.wantedOf(id) || this.hasFailed(id);
    });
  }

  /** What would fail its turn in a rollout. */
  private lacksConsent({ id, quota }: RevisionRow, hostId: string): boolean {
    const { rows, now } = this.ports;
    const { hardwareUuid } = hostOf(rows, hostId);
    const exceptions = rows.exceptions.filter(({ policyRevisionId }) => policyRevisionId === id);
    const isLive = ({ exceptionId, revokedAt, expiresAt, payload }: GrantRow) =>
      exceptions.some((one) => one.id === exceptionId) &&
      revokedAt === null &&
      expiresAt.getTime() > now() &&
      hostUuidsOf(payload).has(hardwareUuid);
    return quota > QUOTA_STOCK && !rows.grants.some(isLive);
  }

  /** The intent stands, and the step that failed for good under it is not tried any more. */
  private hasFailed(hostId: string): boolean {
    return hostOf(this.ports.rows, hostId).state.findings.some(({ code }) => code === 'STEP_FAILED_FOR_GOOD');
  }

  private async steerOne(steer: Steer, { id: rolloutId }: RolloutRow, which: number): Promise<void> {
    const { rows, watch, controller } = this.ports;
    const order = { rolloutId, actor: ADMIN.name, now: this.date() };
    const { control } = controller;
    const skipped = pick(rows.hosts, which)?.id ?? '';
    const isGo = steer === 'resume' || steer === 'confirm';
    await this.tried(`${steer} ${which}`, async () => {
      if (isGo) watch.rollouts.onGo(rolloutId);
      if (steer === 'gate') watch.rollouts.onGate(rolloutId, which);
      if (steer === 'retry') await control.retry(order);
      else if (steer === 'gate') await control.openGate(which, order);
      else if (steer === 'skip') await control.skip(skipped, order);
      else await control.move(steer, order);
      if (steer === 'skip') watch.rollouts.onSkip(rolloutId, skipped);
      if (steer === 'pause' || steer === 'halt') watch.rollouts.onStop(rolloutId);
    });
  }

  private async tried(what: string, run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
      this.ports.note(`an admin ${what}`);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.ports.note(`an admin ${what}: ${error.code}`);
    }
  }

  private policyOf(index: number): string {
    const { policies } = this.ports.rows;
    const name = LABELS[index] ?? LABELS[0];
    const known = policies.find((one) => one.name === name);
    if (known !== undefined) return known.id;
    const id = `policy-${index}`;
    policies.push({ id, name, appliedRevisionId: null, archivedAt: null });
    return id;
  }

  private liveRollouts(): RolloutRow[] {
    return this.ports.rows.rollouts.filter(({ state }) => LIVE.includes(state));
  }

  private date(): Date {
    return new Date(this.ports.now());
  }
}

function pick<T>(items: readonly T[], nth: number): T | undefined {
  return items[nth % Math.max(items.length, 1)];
}

function rowOf<T extends { readonly id: string }>(rows: readonly T[], id: string): T {
  const row = rows.find((one) => one.id === id);
  if (row === undefined) throw new Error(`there is no row ${id}`);
  return row;
}
