/** Findings about the updates that a Mac faces: one for each verdict, with every target it holds for, and one for what was accepted. */
import { hasCustomKernel } from '../custom-kernel.ts';
import type { Finding, OpenWork } from '../evaluate-types.ts';
import type { Facts } from '../facts.ts';
import type { FindingCode } from '../findings.ts';
import type { UpdateRisk, UpdateVerdict } from '../update-guard/update-risks.ts';
import { makeFinding } from './make-finding.ts';

const CODES: Readonly<Record<UpdateVerdict, FindingCode>> = {
  safe: 'UPDATE_SAFE',
  two_guests: 'UPDATE_TWO_GUESTS',
  no_boot: 'UPDATE_NO_BOOT',
  unknown: 'UPDATE_UNKNOWN',
};
const RISKY = ['no_boot', 'two_guests', 'unknown'] as const satisfies readonly UpdateVerdict[];

export interface UpdateFindingsInput {
  readonly facts: Facts;
  readonly risks: readonly UpdateRisk[];
  readonly visit: OpenWork['visit'];
  /** Which risks keep a visit back; the others are warnings. */
  readonly blocks: (risk: UpdateRisk) => boolean;
}

export function updateFindings(input: UpdateFindingsInput): readonly Finding[] {
  const { risks, facts } = input;
  const open = risks.filter(({ acceptance }) => acceptance === null);
  const isCustom = hasCustomKernel(facts) === true;
  const urgent = (risk: UpdateRisk) => isCustom && comesByItself(risk);
  const of = (verdict: UpdateVerdict) => open.filter((risk) => risk.verdict === verdict);
  return [
    ...RISKY.flatMap((verdict) => risky(input, verdict, of(verdict))),
    ...revertFirst(input, open.filter(urgent)),
    ...(risks.length === 0 ? installThemselves(facts) : []),
    ...safe(
      input,
      of('safe').filter((risk) => !urgent(risk)),
    ),
    ...accepted(risks),
  ];
}

function risky(input: UpdateFindingsInput, verdict: UpdateVerdict, risks: readonly UpdateRisk[]): readonly Finding[] {
  if (risks.length === 0) return [];
  const finding = about(input, CODES[verdict], risks);
  return [risks.some(input.blocks) ? finding : { ...finding, severity: 'warning' }];
}

/** A KDK for it saves no raise that is there. UPDATE_NO_BOOT says the same of itself. */
function revertFirst(input: UpdateFindingsInput, risks: readonly UpdateRisk[]): readonly Finding[] {
  const left = risks.filter(({ verdict }) => verdict !== 'no_boot');
  return left.length === 0 ? [] : [about(input, 'UPDATE_REVERT_FIRST', left)];
}

function comesByItself({ ways }: UpdateRisk): boolean {
  return ways.includes('prepared') || ways.includes('enforced');
}

function safe(input: UpdateFindingsInput, risks: readonly UpdateRisk[]): readonly Finding[] {
  return risks.length === 0 ? [] : [about(input, 'UPDATE_SAFE', risks)];
}

function about({ facts, visit }: UpdateFindingsInput, code: FindingCode, risks: readonly UpdateRisk[]): Finding {
  const targets = risks.map(({ target }) => target).join(', ');
  const words = [
    ...new Set(risks.map(({ basis }) => basis)),
    ...risks.flatMap(howItComes),
    ...(facts.update.autoInstall === true ? [`Updates install by themselves on this Mac${deferral(facts)}.`] : []),
    ...staleKit(facts, visit),
  ];
  const seen = risks.map(nameOf).join(', ');
  return makeFinding(code, { detail: words.join(' '), seen, path: pathOf(risks), args: { targets } });
}

function nameOf({ version, build, target }: UpdateRisk): string {
  if (version === null) return build ?? target;
  return build === null ? version : `${version} (${build})`;
}

function howItComes(risk: UpdateRisk): readonly string[] {
  return [
    ...(risk.ways.includes('prepared') ? [`${risk.target} is prepared, and may install at the next shutdown.`] : []),
    ...(risk.ways.includes('enforced')
      ? [
          `MDM enforces ${risk.target}${risk.enforcedAt === null ? '' : ` at ${risk.enforcedAt}, by the Mac's clock`}: no deferral holds it back.`,
        ]
      : []),
  ];
}

/** What a kit on the Mac is worth once the system under it changed; the script looks, and stops. */
function staleKit(facts: Facts, visit: OpenWork['visit']): readonly string[] {
  const isAhead = facts.visitKit !== null || visit !== null;
  if (!isAhead || facts.kernel.config !== 'release') return [];
  return [
    `If it installs at the shutdown of the visit, the kit is stale: its kernel is for ${facts.os.baseBuild ?? 'the present build'}. The script then stops and changes nothing, and a new kit has to be made.`,
  ];
}

function accepted(risks: readonly UpdateRisk[]): readonly Finding[] {
  const found = risks.flatMap(({ target, basis, acceptance }) =>
    acceptance === null ? [] : [{ target, basis, acceptance }],
  );
  if (found.length === 0) return [];
  const words = found.map(
    ({ target, basis, acceptance: { acceptedBy, expiresAt, reason } }) =>
      `${target} until ${expiresAt} by ${acceptedBy}: ${reason.replace(/\.$/, '')}. ${basis}`,
  );
  const targets = found.map(({ target }) => target).join(', ');
  const path = pathOf(risks);
  return [makeFinding('UPDATE_ACCEPTED', { detail: words.join(' '), seen: targets, path, args: { targets } })];
}

function pathOf(risks: readonly UpdateRisk[]): string {
  const [way] = risks.flatMap(({ ways }) => ways);
  if (way === 'prepared') return 'update.prepared';
  return way === 'enforced' ? 'update.enforced' : 'update.pending';
}

/** Nothing is known to come yet; when it does, it comes by itself. */
function installThemselves(facts: Facts): readonly Finding[] {
  if (facts.update.autoInstall !== true) return [];
  return [
    makeFinding('UPDATES_INSTALL_THEMSELVES', {
      detail: `The next one may come at night, without anybody asking for it${deferral(facts)}.`,
      expected: 'off',
      seen: 'on',
      path: 'update.autoInstall',
    }),
  ];
}

function deferral({ update: { deferralDays } }: Facts): string {
  if (deferralDays === null || deferralDays === 0) return '';
  return `, ${deferralDays} days after Apple released it, as MDM defers them`;
}
