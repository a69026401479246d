/**
 * What each update that a Mac faces would do to a raise, judged from the KDK catalogue and from what the Mac is. Guarantees: *safe* is
 * said only where the KDK of exactly the target build is in the catalogue; an update whose build is not known is never safe; which of
 * the two bad ends a Mac with a custom kernel meets is not foretold, because nobody can.
 */
import { hasCustomKernel } from '../custom-kernel.ts';
import type { Catalogue, CatalogueKdk, UpdateAcceptance } from '../evaluate-types.ts';
import type { Facts } from '../facts.ts';
import { holdsKernel, isWithoutKernel, missedBy } from '../kdk-kernels.ts';
import { findVariant } from '../variants.ts';
import { type FacedUpdate, facedUpdates } from './faced-updates.ts';

/**
 * `safe`: a kernel collection can be built once the system is installed. `two_guests`: the stock kernel boots, and stays until a KDK is
 * there. `no_boot`: it may stop at an error instead. `unknown`: what would be needed to tell is not known.
 */
export const UPDATE_VERDICTS = ['safe', 'two_guests', 'no_boot', 'unknown'] as const;
export type UpdateVerdict = (typeof UPDATE_VERDICTS)[number];

export interface UpdateRisk extends FacedUpdate {
  readonly verdict: UpdateVerdict;
  /** What the verdict rests on, in words. */
  readonly basis: string;
  /** The acceptance that covers it now; null = none does, or it is safe and needs none. */
  readonly acceptance: UpdateAcceptance | null;
}

export interface UpdateGuardInput {
  readonly facts: Facts;
  readonly catalogue: Catalogue;
  readonly acceptances: readonly UpdateAcceptance[];
  readonly now: Date;
}

export function updateRisks({ facts, catalogue, acceptances, now }: UpdateGuardInput): readonly UpdateRisk[] {
  return facedUpdates(facts).map((update) => {
    const judged = judge(update, facts, catalogue);
    const covering = (one: UpdateAcceptance) =>
      one.targets.includes(update.target) && now.getTime() < Date.parse(one.expiresAt);
    const acceptance = judged.verdict === 'safe' ? null : (acceptances.find(covering) ?? null);
    return { ...update, ...judged, acceptance };
  });
}

type Judgement = Pick<UpdateRisk, 'verdict' | 'basis'>;

/** A rapid response has six digits or more (22F770820d); it carries no KDK of its own. */
const RAPID_RESPONSE = /^\d+[A-Z]\d{6,}[a-z]?$/;

function judge({ build }: FacedUpdate, facts: Facts, catalogue: Catalogue): Judgement {
  if (build === null)
    return unknown('macOS does not tell which build it would install, and a KDK fits one build only.');
  if (RAPID_RESPONSE.test(build))
    return unknown('A rapid response has no KDK of its own, and nobody knows what one does to a custom kernel.');
  const kdk = catalogue.kdks.find((one) => one.build === build);
  if (kdk === undefined) return withoutKdk(facts, `No KDK for build ${build} is in the catalogue`);
  const variant = facts.kernel.variant?.toUpperCase() ?? null;
  if (variant === null) return unknown('The kernel variant of this Mac is not known.');
  const row = findVariant(variant);
  if (row === null || row.kdkSince === null)
    return unknown(`No KDK is known to us that holds a kernel for ${variant}.`);
  if (lacksVariant(facts, build, variant))
    return withoutKdk(facts, `The KDK for build ${build} is installed here and holds no kernel for ${variant}`);
  if (whole(facts, build).length === 0 && isWithoutKernel(kdk, variant))
    return withoutKdk(facts, `The KDK for build ${build} holds no kernel for ${variant}, as Macs showed that had it`);
  return {
    verdict: 'safe',
    basis: `The KDK for build ${build} is in the catalogue. ${variantWords(facts, kdk, variant)}${raiseWords(facts)}`,
  };
}

function withoutKdk(facts: Facts, why: string): Judgement {
  switch (hasCustomKernel(facts)) {
    case false:
      return {
        verdict: 'two_guests',
        basis: `${why}; the boot policy names no custom kernel, so the stock kernel boots, with two guests.`,
      };
    case true:
      return { verdict: 'no_boot', basis: `${why}. ${EITHER_END}` };
    case null:
      return unknown(`${why}, and the boot policy could not be read.`);
  }
}

/** Both were seen on Macs; which one comes, no fact tells beforehand. */
const EITHER_END =
  'The boot policy names a kernel of the old build: either the Mac stops at an error at its next start, or the update rewrites the policy and the stock kernel boots, with two guests. Nobody can know which.';

function raiseWords(facts: Facts): string {
  return hasCustomKernel(facts) === false
    ? ''
    : ` The raise does not outlive the update all the same, and a raise visit follows. ${EITHER_END}`;
}

function whole(facts: Facts, build: string) {
  return (facts.kdks ?? []).filter((kdk) => kdk.build === build && kdk.complete);
}

function lacksVariant(facts: Facts, build: string, variant: string): boolean {
  const kdks = whole(facts, build);
  return kdks.length > 0 && !kdks.some(({ variants }) => variants.some((one) => one.toUpperCase() === variant));
}

function variantWords(facts: Facts, kdk: CatalogueKdk, variant: string): string {
  if (whole(facts, kdk.build).length > 0 || holdsKernel(kdk, variant)) return `It holds a kernel for ${variant}.`;
  const doubt = missedBy(kdk, variant).map(
    ({ host }) => ` ${host} did not find it there, and no other Mac has looked.`,
  );
  return `That it holds a kernel for ${variant} is seen when it is installed; KDKs of other builds do.${doubt.join('')}`;
}

function unknown(basis: string): Judgement {
  return { verdict: 'unknown', basis };
}
