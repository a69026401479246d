import { lockHost } from '../agents/host-lock.ts';
import { hostEtag, requireMatch } from '../api/etag.ts';
import { toJson } from '../audit/json.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { writeAudit } from '../db/database.ts';
import { markRelabelled } from './relabelled-mark.ts';

export const LABELS_PER_HOST_MAX = 32;

export interface LabelChange {
  readonly hostId: string;
  readonly label: string;
  readonly present: boolean;
  readonly actor: string;
  readonly now: Date;
  /** ETag that the host must still have; null = whatever it is. */
  readonly ifMatch: string | null;
}

export interface LabelledHost {
  readonly id: string;
  readonly name: string;
  readonly labels: string[];
}

/** Adds or removes a label. Intents stay as they are: policies look at the Mac at the next sweep, and what follows is a rollout. */
export async function setLabel(database: Database, change: LabelChange): Promise<LabelledHost> {
  const { hostId, label, present, actor, now } = change;
  const { siteId } = database;
  return database.transaction(async (tx) => {
    // The evaluator, which applies rules to the same labels, takes its locks in this order too.
    await lockHost(tx, hostId);
    const [host] = await tx.$queryRaw<{ name: string }[]>`
      SELECT name FROM host WHERE id = ${hostId}::uuid AND retired_at IS NULL FOR UPDATE`;
    if (host === undefined) throw new Problem('NOT_FOUND', `There is no host ${hostId}.`);
    const rows = await tx.hostLabel.findMany({ where: { hostId }, orderBy: { label: 'asc' } });
    const before = rows.map((row) => row.label);
    requireMatch(change.ifMatch, hostEtag({ name: host.name, labels: before }));
    const row = rows.find((one) => one.label === label);
    const isDone = present ? row?.byAdmin === true : row === undefined;
    if (isDone) return { id: hostId, name: host.name, labels: before };
    if (present && before.length >= LABELS_PER_HOST_MAX)
      throw new Problem('CONFLICT', `The Mac has ${before.length} labels already; at most ${LABELS_PER_HOST_MAX}.`);
    if (!present && row?.ruleId != null && !row.byAdmin)
      throw new Problem(
        'CONFLICT',
        `A rule gives ${host.name} the label ${label}: change the rule (/api/v1/label-rules).`,
      );
    const where = { hostId_label: { hostId, label } };
    if (present) await tx.hostLabel.upsert({ where, create: { hostId, siteId, label }, update: { byAdmin: true } });
    // What a rule gives as well stays by the rule alone.
    else if (row?.ruleId != null) await tx.hostLabel.update({ where, data: { byAdmin: false } });
    else await tx.hostLabel.delete({ where });
    const after = (await tx.hostLabel.findMany({ where: { hostId }, orderBy: { label: 'asc' } })).map(
      (one) => one.label,
    );
    if (after.join() !== before.join()) await markRelabelled(tx, [hostId], now);
    await writeAudit(tx, {
      actor,
      action: present ? 'host.label' : 'host.unlabel',
      entity: 'host',
      entityId: hostId,
      before: toJson({ labels: before }),
      after: toJson({ labels: after }),
      at: now,
      siteId,
    });
    return { id: hostId, name: host.name, labels: after };
  });
}
