/**
 * What Macs show of the kernels in an image, kept with it: the newest word of each that adds something. Others are told what core makes of
 * all words together; an admin who knows better takes it back with one call.
 */
import { isNewSight, type KernelSight, knownKernels, withSight } from '@headroom/core';
import { toJson } from '../audit/json.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { Problem } from '../common/problem.ts';
import { type Database, writeAudit } from '../db/database.ts';
import { changeKdk, type KdkRow, sightsOf } from './change-kdk.ts';

/** What a Mac shows, beyond what was known. */
export interface KernelNews {
  readonly sha256: string;
  readonly sight: KernelSight;
}

interface Where {
  readonly database: Database;
  readonly bus: ControllerBus;
}

/** Keeps it with the image and says in the audit which Mac showed it. Told twice, it changes nothing. */
export async function learnKernels({ database, bus }: Where, { sha256, sight }: KernelNews, at: Date): Promise<void> {
  await changeKdk({ database, bus }, sha256, at, async (tx) => {
    const row = await tx.kdk.findUnique({ where: { sha256 } });
    if (row === null) return { row, changed: false };
    const before = sightsOf(row);
    if (!isNewSight(before, sight)) return { row, changed: false };
    const after = withSight(before, sight);
    await writeAudit(tx, {
      ...{ actor: `host:${sight.hostId}`, action: 'kdk.kernels', entity: 'kdk', entityId: row.id, at },
      ...{ siteId: database.siteId, before: toJson(knownKernels({ sights: before })) },
      after: toJson({ ...knownKernels({ sights: after }), sight }),
    });
    return { row: await tx.kdk.update({ where: { sha256 }, data: stored(after) }), changed: true };
  });
}

/** Nothing that Macs showed of it so far counts any more, until one of them shows something else. */
export async function disbelieveKernels(
  { database, bus }: Where,
  {
    id,
    actor,
    reason,
    at,
  }: { readonly id: string; readonly actor: string; readonly reason: string; readonly at: Date },
): Promise<KdkRow> {
  const missing = () => new Problem('NOT_FOUND', `There is no KDK image ${id}.`);
  const found = await database.prisma.kdk.findUnique({ where: { id } });
  if (found === null) throw missing();
  const { row } = await changeKdk({ database, bus }, found.sha256, at, async (tx) => {
    const known = await tx.kdk.findUnique({ where: { id } });
    if (known === null) throw missing();
    const before = sightsOf(known);
    const after = before.map((sight) => ({ ...sight, disbelieved: true }));
    await writeAudit(tx, {
      ...{ actor, action: 'kdk.disbelieve', entity: 'kdk', entityId: id, at, siteId: database.siteId },
      before: toJson({ ...knownKernels({ sights: before }), sights: before }),
      after: toJson({ ...knownKernels({ sights: after }), reason }),
    });
    return { row: await tx.kdk.update({ where: { id }, data: stored(after) }), changed: true };
  });
  return row;
}

/** What goes for all Macs stands beside it, for people and for releases that know nothing else. */
function stored(sights: readonly KernelSight[]) {
  return { sights: toJson(sights), ...knownKernels({ sights }) };
}
