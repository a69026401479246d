/** Findings of hosts that cannot be judged or raised: unsupported, unknown, silent. */
import type { EvaluateInput, Finding, HostState } from '../evaluate-types.ts';
import type { FindingCode } from '../findings.ts';
import type { UnsupportedReason } from '../observe-signs.ts';
import { causesText, overdueCauses } from '../overdue.ts';
import { type FindingInput, factUnknown, makeFinding } from './make-finding.ts';
import type { Situation } from './situation.ts';

export function readUnfit({ facts, observed }: Situation): readonly Finding[] {
  if (observed.reason !== null) return [unsupported(observed.reason, facts)];
  return observed.missing.map((path) => factUnknown(facts, path));
}

function unsupported(reason: UnsupportedReason, facts: Situation['facts']): Finding {
  const rows: Readonly<Record<UnsupportedReason, readonly [FindingCode, FindingInput]>> = {
    intel: [
      'HOST_INTEL',
      {
        detail: 'Intel Macs have no such quota.',
        expected: 'Apple silicon',
        seen: facts.hardware.chip ?? facts.kernel.variant ?? 'Intel',
        path: 'hardware.appleSilicon',
      },
    ],
    guest: [
      'HOST_IS_GUEST',
      {
        detail: 'Guests cannot have guests beyond what their host allows.',
        expected: 'a Mac',
        seen: facts.hardware.model ?? facts.kernel.variant ?? 'a guest',
        path: 'hardware.virtualMachine',
      },
    ],
    os_too_old: [
      'OS_TOO_OLD',
      {
        detail: 'KDKs with kernels for Apple silicon begin with macOS 13.',
        expected: '13 or later',
        seen: facts.os.version ?? 'unknown',
        path: 'os.version',
      },
    ],
  };
  const [code, input] = rows[reason];
  return makeFinding(code, input);
}

/** Silence is no evidence of anything: the state stays, and the finding says since when it may be old. */
export function readSilence(input: EvaluateInput, state: HostState): readonly Finding[] {
  const { presence } = input;
  if (state === 'waiting_for_unlock') return readOverdue(input, 'MAYBE_WAITING_FOR_UNLOCK');
  if (state === 'failed_boot') return readOverdue(input, 'MAYBE_FAILED_BOOT');
  const detail = 'What is shown was read when the host was last heard of.';
  if (presence === 'silent') return [makeFinding('HOST_SILENT', { detail, expected: 'online', seen: presence })];
  if (presence === 'lost') return [makeFinding('HOST_LOST', { detail, expected: 'online', seen: presence })];
  return [];
}

/** The likeliest cause by itself, and all that can be, in the order to look. */
function readOverdue({ presence, work: { visit }, facts }: EvaluateInput, code: FindingCode): readonly Finding[] {
  const kind = visit?.kind ?? 'raise';
  const done = visit?.doneAt == null ? '' : ` Somebody said ${visit.doneAt} that it is done.`;
  const detail = `The visit was opened ${visit?.openedAt}.${done}`;
  const args = { kind, causes: causesText(overdueCauses(kind, facts?.fileVault ?? null)) };
  return [
    makeFinding(code, { detail, seen: presence }),
    makeFinding('VISIT_OVERDUE', { detail, expected: 'heard of after the visit', seen: presence, args }),
  ];
}
