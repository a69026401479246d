/**
 * Which policy holds a host, when several select it. Pure. In this order: a policy that names the host, the higher priority, the
 * older policy. A claim that rests on an unknown fact and would come first leaves the host as it is.
 */
export interface Claim {
  readonly policyId: string;
  readonly revisionId: string;
  readonly priority: number;
  readonly named: boolean;
  /** Null = unknown. */
  readonly selected: true | null;
}

export type Holder<T extends Claim> =
  | { readonly kind: 'held'; readonly by: T }
  /** A fact is unknown that would decide: the present intent stays. */
  | { readonly kind: 'unknown'; readonly by: T }
  | { readonly kind: 'free' };

/** Policies in the order in which they hold hosts. */
export function byRank(left: Claim, right: Claim): number {
  if (left.named !== right.named) return left.named ? -1 : 1;
  if (left.priority !== right.priority) return right.priority - left.priority;
  return left.policyId < right.policyId ? -1 : 1;
}

export function holderOf<T extends Claim>(claims: readonly T[]): Holder<T> {
  const [first] = [...claims].sort(byRank);
  if (first === undefined) return { kind: 'free' };
  return { kind: first.selected === null ? 'unknown' : 'held', by: first };
}
