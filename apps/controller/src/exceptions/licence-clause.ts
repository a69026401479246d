import { createHash } from 'node:crypto';

export interface LicenceClause {
  readonly version: string;
  readonly clause: string;
  readonly text: string;
  /** Of the text. Stands in each grant and in the ledger, so that it is known which text was accepted. */
  readonly sha256: string;
}

/**
 * What approvers are shown before a quota above stock is allowed, newest last. A changed text is a new version at the end; what
 * somebody accepted once stays here to be read, letter by letter (`licence-clause.test.ts` knows their sums).
 */
export const LICENCE_CLAUSES: readonly LicenceClause[] = [
  clause('2026-11', "Apple's macOS software licence agreement, section 2.B.iii", [
    "Section 2.B.iii of Apple's macOS software licence agreement says, in short: on each Mac that you own or control and that already runs macOS, you may run up to two additional copies of macOS at the same time in virtual machines, for development, testing, server use or personal, non-commercial use.",
    'Headroom changes what the kernel allows, not what your licence allows. Whether more guests than that are allowed on your Macs is between you and Apple; read the agreement that came with the macOS you run.',
    "Raising the quota also lowers the security of these Macs: permissive boot policy, System Integrity Protection off, a development kernel. They must not be anybody's primary work Mac.",
  ]),
];

/** The one that is shown and accepted now. */
export const LICENCE_CLAUSE = newest();

export function licenceClause(version: string): LicenceClause | null {
  return LICENCE_CLAUSES.find((one) => one.version === version) ?? null;
}

function clause(version: string, name: string, paragraphs: readonly string[]): LicenceClause {
  const text = paragraphs.join('\n\n');
  return { version, clause: name, text, sha256: createHash('sha256').update(text).digest('hex') };
}

function newest(): LicenceClause {
  const last = LICENCE_CLAUSES.at(-1);
  if (last === undefined) throw new Error('there is no licence clause to show');
  return last;
}
