/**
 * The export file: gzip of lines of JSON. The first is the header, then each table's rows in the header's order, one object
 * {column: value} a line, the last the trailer with the sha256 of every line before it. Values are as Postgres writes them
 * (to_json, UTC). A field may be added; a change that an older reader would misread gets the next version.
 */
import { z } from 'zod';

export const FORMAT = 'headroom-export';
export const FORMAT_VERSION = 1;
/** A row's facts may take 1 MB, in JSON text that escapes. */
export const LINE_BYTES_MAX = 32 * 1024 * 1024;

const name = z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/);

export const exportHeader = z.object({
  format: z.literal(FORMAT),
  version: z.literal(FORMAT_VERSION),
  /** The newest migration of the database that was exported. */
  migration: z.string(),
  fleetId: z.uuid(),
  fleetName: z.string(),
  exportedAt: z.iso.datetime(),
  /** Said in the file itself: what a restore needs besides. */
  notIncluded: z.array(z.string()),
  tables: z.array(z.object({ name, columns: z.array(name).min(1), rows: z.int().min(0) })).max(1000),
});
export type ExportHeader = z.infer<typeof exportHeader>;

export const exportTrailer = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) });

export const NOT_INCLUDED = [
  'keys and certificates of the controller (STATE_DIR/keys)',
  'KDK images (STATE_DIR/kdks)',
  'the first admin token (STATE_DIR/admin.token)',
  'wake-ups of the queue',
  'deliveries of webhooks (the webhooks themselves are included)',
];

export interface ExportSummary {
  readonly fleetId: string;
  readonly migration: string;
  readonly rows: number;
  readonly sha256: string;
}
