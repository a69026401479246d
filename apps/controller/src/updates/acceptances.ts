/** Accepted risks of macOS updates: for Macs named at that moment, for targets named by build, until an end. Nothing widens one later. */
import { z } from 'zod';
import { toJson } from '../audit/json.ts';
import { writeHostEvents } from '../audit/write-many.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { uuidv7 } from '../common/ids.ts';
import { Problem } from '../common/problem.ts';
import { type Database, type Tx, writeAudit } from '../db/database.ts';
import { markDue } from '../db/host-events.ts';
import { partlyDone } from '../db/undone.ts';
import { resolveSelector, selectHosts, selectorInput } from '../policies/selector.ts';

/** Rows locked by one transaction, as everywhere. */
const HOSTS_PER_TURN = 1000;
const DAY_MS = 86_400_000;
/** As long as Apple lets an update be deferred: later it is another decision. */
const ACCEPTANCE_DAYS_MAX = 90;

export const acceptanceInput = z.strictObject({
  selector: selectorInput,
  targets: z
    .array(
      z
        .string()
        .regex(/^[0-9A-Za-z][0-9A-Za-z.() -]{1,39}$/, 'a build such as 23G80, or the target as a finding names it'),
    )
    .min(1)
    .max(20)
    .describe(
      'As the finding names them: builds; a version where macOS tells no build; `unnamed` where it tells neither.',
    ),
  reason: z.string().trim().min(3).max(2000).describe('Why the risk is taken.'),
  expiresInDays: z.number().int().min(1).max(ACCEPTANCE_DAYS_MAX).default(14),
});
export type AcceptanceInput = z.output<typeof acceptanceInput>;

export interface AcceptedUpdate {
  readonly id: string;
  readonly expiresAt: Date;
  readonly hosts: number;
}

export class UpdateAcceptances {
  constructor(
    private readonly database: Database,
    private readonly bus: ControllerBus,
  ) {}

  async accept(
    { selector, targets, reason, expiresInDays }: AcceptanceInput,
    actor: string,
    now: Date,
  ): Promise<AcceptedUpdate> {
    const chosen = await this.database.transaction(async (tx) => selectHosts(tx, await resolveSelector(tx, selector)));
    const hosts = chosen.filter(({ selected }) => selected === true).map(({ hostId }) => hostId);
    if (hosts.length === 0)
      throw new Problem('SELECTOR_EMPTY', 'The selection surely means no Mac now: nothing is accepted.');
    const id = uuidv7(now.getTime());
    const expiresAt = new Date(now.getTime() + expiresInDays * DAY_MS);
    const { siteId } = this.database;
    const data = {
      id,
      siteId,
      targets: [...new Set(targets)].sort(),
      reason,
      acceptedBy: actor,
      createdAt: now,
      expiresAt,
    };
    await this.inTurns(hosts, now, async (tx, turn, isFirst) => {
      if (isFirst) await tx.updateAcceptance.create({ data });
      await tx.updateAcceptanceHost.createMany({ data: turn.map((hostId) => ({ acceptanceId: id, hostId, siteId })) });
      await this.note(tx, turn, {
        id,
        action: 'update.accept',
        actor,
        now,
        detail: { targets: data.targets, reason, expiresAt: expiresAt.toISOString() },
      });
    });
    return { id, expiresAt, hosts: hosts.length };
  }

  /** Takes it back: what it covered keeps visits back again. */
  async revoke(id: string, reason: string | null, actor: string, now: Date): Promise<void> {
    const rows = await this.database.prisma.updateAcceptanceHost.findMany({
      where: { acceptanceId: id },
      orderBy: { hostId: 'asc' },
    });
    const hosts = rows.map(({ hostId }) => hostId);
    await this.inTurns(hosts, now, async (tx, turn, isFirst) => {
      if (isFirst) await endAcceptance(tx, id, { reason, actor, now });
      await this.note(tx, turn, { id, action: 'update.revoke', actor, now, detail: { reason } });
    });
  }

  /** With the hosts of each turn locked and marked to be evaluated again. There is always a first turn. */
  private async inTurns(
    hosts: readonly string[],
    now: Date,
    work: (tx: Tx, turn: readonly string[], isFirst: boolean) => Promise<void>,
  ): Promise<void> {
    for (let from = 0; from === 0 || from < hosts.length; from += HOSTS_PER_TURN) {
      const turn = hosts.slice(from, from + HOSTS_PER_TURN);
      const done = this.database.transaction(async (tx) => {
        await markDue(tx, turn, now);
        await work(tx, turn, from === 0);
      });
      await done.catch((error: unknown) => {
        throw from === 0 ? error : partlyDone(error);
      });
      for (const hostId of turn) this.bus.publish({ kind: 'due', hostId });
    }
  }

  private async note(
    tx: Tx,
    hosts: readonly string[],
    {
      id,
      action,
      actor,
      now,
      detail,
    }: { id: string; action: string; actor: string; now: Date; detail: Readonly<Record<string, unknown>> },
  ): Promise<void> {
    const { siteId } = this.database;
    const shown = toJson({ acceptanceId: id, actor, ...detail });
    await writeHostEvents(
      tx,
      hosts.map((hostId) => ({ siteId, hostId, at: now, kind: action, detail: shown })),
    );
    await writeAudit(tx, {
      actor,
      action,
      entity: 'update_acceptance',
      entityId: id,
      after: toJson({ ...detail, hosts }),
      at: now,
      siteId,
    });
  }
}

async function endAcceptance(
  tx: Tx,
  id: string,
  end: { reason: string | null; actor: string; now: Date },
): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM update_acceptance WHERE id = ${id}::uuid FOR UPDATE`;
  const acceptance = await tx.updateAcceptance.findUnique({ where: { id } });
  if (acceptance === null) throw new Problem('NOT_FOUND', `There is no acceptance ${id}.`);
  if (acceptance.revokedAt !== null)
    throw new Problem('CONFLICT', `The acceptance was revoked at ${acceptance.revokedAt.toISOString()}.`);
  await tx.updateAcceptance.update({
    where: { id },
    data: { revokedAt: end.now, revokedBy: end.actor, revokeReason: end.reason },
  });
}
