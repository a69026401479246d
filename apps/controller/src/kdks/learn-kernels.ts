import { toJson } from '../audit/json.ts';
import type { ControllerBus } from '../bus/bus.ts';
import { type Database, writeAudit } from '../db/database.ts';
import { changeKdk } from './change-kdk.ts';

/** What a Mac shows of the kernels in a KDK image, beyond what was known of it. */
export interface KernelNews {
  readonly hostId: string;
  readonly sha256: string;
  readonly variants: readonly string[];
  readonly variantsMissing: readonly string[];
}

interface Where {
  readonly database: Database;
  readonly bus: ControllerBus;
}

/** Keeps it with the image and says in the audit which Mac showed it. Told twice, it changes nothing. */
export async function learnKernels({ database, bus }: Where, news: KernelNews, at: Date): Promise<void> {
  const { hostId, sha256 } = news;
  await changeKdk({ database, bus }, sha256, at, async (tx) => {
    const row = await tx.kdk.findUnique({ where: { sha256 } });
    if (row === null) return { row, changed: false };
    const before = { variants: row.variants, variantsMissing: row.variantsMissing };
    const after = {
      variants: withAll(row.variants, news.variants),
      variantsMissing: withAll(row.variantsMissing, news.variantsMissing),
    };
    if (JSON.stringify(after) === JSON.stringify(before)) return { row, changed: false };
    const { id } = row;
    await writeAudit(tx, {
      ...{ actor: `host:${hostId}`, action: 'kdk.kernels', entity: 'kdk', entityId: id, at, siteId: database.siteId },
      ...{ before: toJson(before), after: toJson(after) },
    });
    return { row: await tx.kdk.update({ where: { id }, data: after }), changed: true };
  });
}

function withAll(known: readonly string[], more: readonly string[]): string[] {
  return [...known, ...more.filter((one) => !known.includes(one))];
}
