/**
 * The manifest of a visit kit: lines key=value, parsed by the kit's script and never sourced. A value that would break a line is
 * refused; what is not known is left empty, and the script says what it needs.
 */
import type { Facts, GrantPayload, KcResult, PlanStep } from '@headroom/core';
import { AgentError } from '../../agent-error.ts';
import type { Baseline } from '../../state/baseline.ts';
import { AGENT_VERSION } from '../../version.ts';

export const KIT_KC = 'KernelCollection.kc';
export const KIT_MANIFEST = 'manifest';

export interface ManifestInput {
  readonly step: Extract<PlanStep, { readonly kind: 'place_kit' }>;
  readonly facts: Facts;
  readonly grant: GrantPayload;
  readonly kc: KcResult;
  /** How the Mac stood before it was raised; null = never seen, then what is seen now is told. */
  readonly baseline: Baseline | null;
}

export function manifestText(input: ManifestInput): string {
  const lines = Object.entries(manifestValues(input)).map(([key, value]) => {
    if (!/^[\x20-\x7e]*$/.test(value))
      throw new AgentError(
        'KIT_PLACE_FAILED',
        `Manifest, ${key}: expected printable ASCII, seen ${JSON.stringify(value)}.`,
      );
    return `${key}=${value}\n`;
  });
  return lines.join('');
}

function manifestValues({ step, facts, grant, kc, baseline }: ManifestInput): Readonly<Record<string, string>> {
  const { hardware, volumes } = facts;
  const prior = baseline ?? seenNow(facts);
  return {
    'headroom-manifest': '1',
    visit: step.visitId,
    'host-uuid': needed('hardware.uuid', hardware.uuid),
    'group-uuid': needed('volumes.group', volumes.group),
    'system-uuid': needed('volumes.systemUuid', volumes.systemUuid),
    'data-uuid': volumes.dataUuid ?? '',
    'kc-file': KIT_KC,
    'kc-md5': kc.md5,
    'kc-uuid': kc.uuid,
    build: kc.build,
    variant: kc.variant,
    quota: String(step.quota),
    'boot-args': step.bootArgs,
    'needed-args': (step.neededArgs ?? []).join(' '),
    expires: grant.expiresAt,
    'proven-coih': provenCustomKernel(step, kc),
    'prior-security-mode': prior.securityMode,
    'prior-sip': prior.sip,
    'prior-coih': prior.customKernel,
    'prior-boot-args': prior.bootArgs ?? '',
    'agent-version': AGENT_VERSION,
  };
}

function seenNow({ bootPolicy, sip, bootArgs }: Facts): Baseline {
  const { securityMode, customKernel } = bootPolicy;
  return {
    securityMode: securityMode ?? '',
    sip: sip.status ?? '',
    customKernel: customKernel ?? '',
    bootArgs: bootArgs.stored,
  };
}

/** The controller remembers which object a boot of which collection has proven; for another collection it proves nothing. */
function provenCustomKernel({ provenObject }: ManifestInput['step'], kc: KcResult): string {
  const isThis = provenObject?.kcUuid.toUpperCase() === kc.uuid.toUpperCase();
  return isThis ? (provenObject?.customKernel ?? '') : '';
}

/** The visit cannot be made without it, so the kit is not placed without it. */
function needed(path: string, value: string | null): string {
  if (value !== null && value !== '') return value;
  throw new AgentError('KIT_PLACE_FAILED', `The fact ${path} is unknown, and the visit cannot be made without it.`);
}
