import { createHash } from 'node:crypto';

/** What an approver is shown before a quota above stock is allowed. A changed text gets a new version, never an old one. */
export const LICENCE_CLAUSE = {
  version: '2026-11',
  clause: "Apple's macOS software licence agreement, section 2.B.iii",
  text: [
    "Section 2.B.iii of Apple's macOS software licence agreement says, in short: on each Mac that you own or control and that already runs macOS, you may run up to two additional copies of macOS at the same time in virtual machines, for development, testing, server use or personal, non-commercial use.",
    'Headroom changes what the kernel allows, not what your licence allows. Whether more guests than that are allowed on your Macs is between you and Apple; read the agreement that came with the macOS you run.',
    "Raising the quota also lowers the security of these Macs: permissive boot policy, System Integrity Protection off, a development kernel. They must not be anybody's primary work Mac.",
  ].join('\n\n'),
} as const;

/** Stands in each grant, so that it is known which text was accepted. */
export const LICENCE_TEXT_SHA256 = createHash('sha256').update(LICENCE_CLAUSE.text).digest('hex');
