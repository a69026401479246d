/**
 * Preparation: how far this Mac is on the way to a raise visit, and the steps to its end. In order: KDK for the exact build,
 * kernel collection for build and variant, visit kit. A kernel collection that is there makes the KDK unneeded.
 */
import type { Catalogue, CatalogueKdk, Finding, HostState } from '../evaluate-types.ts';
import type { Facts, KernelCollectionFact } from '../facts.ts';
import { isWithoutKernel, missedBy } from '../kdk-kernels.ts';
import { missingFrom, neededArgs } from '../needed-args.ts';
import type { KdkSource, PlanStep } from '../plan.ts';
import { developmentKernelFileName, findVariant } from '../variants.ts';
import type { Consent } from './consent.ts';
import { factUnknown, makeFinding } from './make-finding.ts';
import { objectAtRestart, type Situation } from './situation.ts';

export type Rung = Extract<
  HostState,
  'unknown' | 'not_started' | 'kdk_missing' | 'kdk_ready' | 'kc_staged' | 'ready_for_visit'
>;

export interface Preparation {
  readonly rung: Rung;
  readonly steps: readonly PlanStep[];
  readonly findings: readonly Finding[];
}

interface Target {
  readonly build: string;
  readonly variant: string;
}

export function prepare(situation: Situation, consent: Consent): Preparation {
  const { facts } = situation;
  const { baseBuild: build } = facts.os;
  const variant = facts.kernel.variant?.toUpperCase() ?? null;
  const missing = (['kdks', 'kernelCollections'] as const).filter((path) => facts[path] === null);
  if (build === null || variant === null || missing.length > 0)
    return { rung: 'unknown', steps: [], findings: missing.map((path) => factUnknown(facts, path)) };
  const target = { build, variant };
  const rung = readRung(situation, consent, target);
  if (findVariant(variant) === null) return { rung, steps: [], findings: [variantUnknown(target)] };
  return { rung, ...planRungs(situation, consent, target, rung) };
}

function readRung(situation: Situation, consent: Consent, target: Target): Rung {
  const { facts, input } = situation;
  if (isKcOf(situation, target) && isKitPlaced(situation, consent)) return 'ready_for_visit';
  if (isKcBuilt(situation, target)) return 'kc_staged';
  const kdk = readKdk(facts, target);
  if (kdk === 'ready') return 'kdk_ready';
  const source = findSource(input.catalogue, target);
  const canBeInstalled = source !== null && !isWithoutKernel(source, target.variant);
  return kdk === 'absent' && canBeInstalled ? 'not_started' : 'kdk_missing';
}

function planRungs(situation: Situation, consent: Consent, target: Target, rung: Rung): Omit<Preparation, 'rung'> {
  const kit = rung === 'ready_for_visit' ? [] : kitSteps(situation, consent, target);
  if (rung === 'ready_for_visit' || rung === 'kc_staged') return { steps: kit, findings: kitUnknown(situation) };
  const { catalogue } = situation.input;
  const build: PlanStep = {
    kind: 'build_kc',
    ...target,
    dropBundles:
      (Object.hasOwn(catalogue.dropBundles, target.build) ? catalogue.dropBundles[target.build] : undefined) ?? [],
  };
  if (rung === 'kdk_ready') return { steps: [build, ...kit], findings: [] };
  return planInstall(situation, target, [build, ...kit]);
}

function planInstall(
  { facts, input }: Situation,
  target: Target,
  rest: readonly PlanStep[],
): Omit<Preparation, 'rung'> {
  const kdk = readKdk(facts, target);
  if (kdk === 'variant_missing') return { steps: [], findings: [kdkVariantMissing(facts, target)] };
  const husk = kdk === 'husk' ? [kdkHusk(facts, target)] : [];
  const source = findSource(input.catalogue, target);
  if (source === null) return { steps: [], findings: [...husk, kdkNotInCatalogue(input.catalogue, target)] };
  if (isWithoutKernel(source, target.variant))
    return { steps: [], findings: [...husk, catalogueVariantMissing(source, target)] };
  return { steps: [{ kind: 'install_kdk', kdk: imageOf(source), variant: target.variant }, ...rest], findings: husk };
}

function kitSteps(situation: Situation, consent: Consent, target: Target): readonly PlanStep[] {
  const { facts, input, wantedQuota } = situation;
  if (!consent.covers || consent.bootArgs === null || wantedQuota === null || isKitUnknown(facts)) return [];
  const needed = neededArgs(target);
  // A visit with it would end before the kernel; the finding of readiness says what to add.
  if (missingFrom(consent.bootArgs, needed).length > 0) return [];
  const { newVisitId: visitId } = input;
  const proven = wasLeftOut(situation) ? null : situation.provenObject;
  const provenObject = proven === null ? null : { kcUuid: proven.kcUuid, customKernel: proven.customKernel };
  const step = { kind: 'place_kit', visitId, quota: wantedQuota, bootArgs: consent.bootArgs, ...target } as const;
  const words = needed.map(({ word }) => word);
  return [{ ...step, ...(words.length > 0 && { neededArgs: words }), ...(provenObject !== null && { provenObject }) }];
}

/** The policy names our object, and a boot left it out all the same: that it was proven once is no reason to spare its installation. */
function wasLeftOut(situation: Situation): boolean {
  return situation.observed.kind === 'object_installed' && objectAtRestart(situation) === 'did_not_start';
}

/** The collection that was built here last is for this build and variant. */
function isKcOf(
  {
    input: {
      record: { kc },
    },
  }: Situation,
  { build, variant }: Target,
): boolean {
  return kc !== null && kc.build === build && kc.variant.toUpperCase() === variant;
}

/**
 * It lies where it was built, as it was, and what was noted beside it says what it was built for: a kit is placed from there. The copy in
 * a kit is no help where the collection itself, or its note, is gone.
 */
function isKcBuilt(situation: Situation, target: Target): boolean {
  const { kc } = situation.input.record;
  return (
    isKcOf(situation, target) && copiesOf(situation).some(({ path, build }) => path === kc?.path && build !== null)
  );
}

/** Files that are this collection, the kit's among them. */
function copiesOf({ facts, input: { record } }: Situation): readonly KernelCollectionFact[] {
  const sha256 = record.kc?.sha256.toLowerCase();
  return (facts.kernelCollections ?? []).filter((file) => file.sha256.toLowerCase() === sha256);
}

/** For the build and variant that the Mac has now, wherever it lies. */
export function isKcReady(situation: Situation): boolean {
  const { baseBuild: build } = situation.facts.os;
  const variant = situation.facts.kernel.variant?.toUpperCase();
  if (build === null || variant === undefined) return false;
  return isKcOf(situation, { build, variant }) && copiesOf(situation).length > 0;
}

/**
 * The kit on the Mac is whole, with its `raise`, is the one recorded, and is for this quota, these arguments, this kernel collection and the
 * consent that holds now: its scripts go by the end written into them, so a renewed exception needs a new kit.
 */
function isKitPlaced(situation: Situation, { bootArgs }: Consent): boolean {
  const { visitKit } = situation.facts;
  const { record, intent } = situation.input;
  const { kit, kc } = record;
  if (visitKit === null || kit === null || kc === null || !visitKit.complete || visitKit.armed === false) return false;
  if (kit.sparesObject === true && wasLeftOut(situation)) return false;
  return (
    visitKit.visitId === kit.visitId &&
    visitKit.quota === intent.quota &&
    kit.quota === intent.quota &&
    visitKit.kcSha256.toLowerCase() === kc.sha256.toLowerCase() &&
    kit.kcSha256.toLowerCase() === kc.sha256.toLowerCase() &&
    (bootArgs === null || kit.bootArgs === bootArgs) &&
    neededArgs(kc).every(({ word }) => kit.neededArgs?.includes(word) === true) &&
    isSameEnd(kit.expiresAt, intent.grant.expiresAt)
  );
}

function isSameEnd(kit: string | undefined, grant: string | null): boolean {
  return kit === undefined || grant === null || Date.parse(kit) === Date.parse(grant);
}

/** null for the kit means "none lies there", unless it could not be read. */
function isKitUnknown(facts: Facts): boolean {
  return facts.visitKit === null && Object.hasOwn(facts.unknown, 'visitKit');
}

function kitUnknown({ facts }: Situation): readonly Finding[] {
  return isKitUnknown(facts) ? [factUnknown(facts, 'visitKit')] : [];
}

const NOT_INSTALLED_BY_US =
  ' Headroom did not install it, and leaves it alone: if its installation broke off, remove the KDK, and Headroom installs it.';

type KdkStanding = 'ready' | 'variant_missing' | 'husk' | 'absent';

export function readKdk(facts: Facts, { build, variant }: Target): KdkStanding {
  const forBuild = (facts.kdks ?? []).filter((kdk) => kdk.build === build);
  const whole = forBuild.filter(({ complete }) => complete);
  if (whole.some(({ variants }) => variants.some((known) => known.toUpperCase() === variant))) return 'ready';
  if (whole.length > 0) return 'variant_missing';
  return forBuild.length > 0 ? 'husk' : 'absent';
}

/** By build alone: versions in names are sometimes wrong, and a near build is not used. */
function findSource({ kdks }: Catalogue, { build }: Target): CatalogueKdk | null {
  return kdks.find((kdk) => kdk.build === build) ?? null;
}

/** What a plan says of an image: what is learnt of its kernels meanwhile makes no new plan. */
function imageOf({ build, version, sha256, sizeBytes, fileName }: CatalogueKdk): KdkSource {
  return { build, version, sha256, sizeBytes, fileName };
}

function variantUnknown({ build, variant }: Target): Finding {
  return makeFinding('VARIANT_UNKNOWN', {
    detail: 'The kernel to build from follows from the variant, and this one is not known to us.',
    expected: 'a variant of the table',
    seen: variant,
    path: 'kernel.variant',
    args: { variant, build, kernelFile: developmentKernelFileName(variant) },
  });
}

function kdkVariantMissing(facts: Facts, { build, variant }: Target): Finding {
  const kdks = (facts.kdks ?? []).filter((kdk) => kdk.build === build);
  const variants = kdks.flatMap((kdk) => kdk.variants);
  const isOurs = kdks.every(({ ours }) => ours === true);
  return makeFinding('KDK_VARIANT_MISSING', {
    detail: `The installed KDK holds the kernels of other chips only.${isOurs ? '' : NOT_INSTALLED_BY_US}`,
    expected: developmentKernelFileName(variant),
    seen: variants.join(', ') || 'no development kernel',
    path: 'kdks',
    args: { build, variant },
  });
}

function catalogueVariantMissing(kdk: CatalogueKdk, { build, variant }: Target): Finding {
  const macs = missedBy(kdk, variant).map(({ host }) => host);
  return makeFinding('KDK_VARIANT_MISSING', {
    detail: `Macs that had this KDK showed it (${macs.join(', ')}), so that it is not fetched here. Nothing was installed. Should they be wrong: POST /api/v1/kdks/ID/disbelieve.`,
    expected: developmentKernelFileName(variant),
    seen: `no kernel for ${variant} on ${macs.length} Macs`,
    path: 'os.baseBuild',
    args: { build, variant },
  });
}

function kdkHusk(facts: Facts, { build }: Target): Finding {
  const reason = (facts.kdks ?? []).find((kdk) => kdk.build === build)?.reason;
  return makeFinding('KDK_HUSK', {
    detail: `Not whole: ${reason ?? 'no reason was given'}.`,
    expected: 'a whole KDK',
    seen: reason ?? 'not whole',
    path: 'kdks',
    args: { build },
  });
}

function kdkNotInCatalogue({ kdks }: Catalogue, { build }: Target): Finding {
  const builds = kdks.map((kdk) => kdk.build);
  return makeFinding('KDK_NOT_IN_CATALOGUE', {
    detail: 'Only the KDK of exactly this build can be used: a near one gives link errors or a panic.',
    expected: `the KDK for build ${build}`,
    seen: builds.length === 0 ? 'an empty catalogue' : `${builds.length} KDK(s): ${builds.slice(0, 5).join(', ')}`,
    path: 'os.baseBuild',
    args: { build },
  });
}
