/** The macOS updates that a Mac faces, each once, however many facts tell of it: offered, prepared for a shutdown, enforced by MDM. */
import type { Facts, UpdateTarget } from '../facts.ts';
import { readVersion } from '../filter/values.ts';

export const UPDATE_WAYS = ['offered', 'prepared', 'enforced'] as const;
export type UpdateWay = (typeof UPDATE_WAYS)[number];

export interface FacedUpdate {
  /** What an acceptance names: the build; the version where macOS tells no build; UNNAMED_UPDATE where it tells neither. */
  readonly target: string;
  readonly version: string | null;
  readonly build: string | null;
  readonly ways: readonly UpdateWay[];
  /** By the Mac's own clock, without a time zone, as MDM set it; null = not enforced, as far as is known. */
  readonly enforcedAt: string | null;
}

const UNNAMED_UPDATE = 'unnamed';

interface Sign extends UpdateTarget {
  readonly way: UpdateWay;
  readonly at: string | null;
}

export function facedUpdates(facts: Facts): readonly FacedUpdate[] {
  const signs = signsOf(facts).filter((sign) => !isInstalled(sign, facts.os));
  const groups = new Map<string, Sign[]>();
  for (const sign of signs) {
    const named = sign.build === null ? withBuild(sign, signs) : sign;
    const target = named.build ?? named.version ?? UNNAMED_UPDATE;
    groups.set(target, [...(groups.get(target) ?? []), named]);
  }
  return [...groups].map(([target, group]) => faced(target, group)).sort((a, b) => (a.target < b.target ? -1 : 1));
}

function signsOf({ update }: Facts): readonly Sign[] {
  const offered = (update.pending ?? []).map((one): Sign => ({ ...one, way: 'offered', at: null }));
  const { version = null, build = null } = update.preparedTarget ?? {};
  const prepared: readonly Sign[] = update.prepared === true ? [{ version, build, way: 'prepared', at: null }] : [];
  const enforced = (update.enforced ?? []).map(
    ({ version: wanted, build: exact, at }): Sign => ({ version: wanted, build: exact, way: 'enforced', at }),
  );
  return [...offered, ...prepared, ...enforced];
}

/** A list of the last scan still names the system that runs; a declaration that was met, or what was prepared and never used, an older one. */
function isInstalled({ version, build, way }: Sign, os: Facts['os']): boolean {
  if (build !== null && build === os.build) return true;
  if (way === 'offered') return false;
  const order = compareVersions(version, os.version);
  return order !== null && (order < 0 || (order === 0 && build === null));
}

/** The same version told with its build elsewhere; with two builds of one version nothing is assumed. */
function withBuild(sign: Sign, signs: readonly Sign[]): Sign {
  if (sign.version === null) return sign;
  const builds = new Set(signs.flatMap(({ version, build }) => (version === sign.version ? (build ?? []) : [])));
  const [build] = builds;
  return build !== undefined && builds.size === 1 ? { ...sign, build } : sign;
}

function faced(target: string, group: readonly Sign[]): FacedUpdate {
  const times = group.flatMap(({ at }) => at ?? []).sort();
  return {
    target,
    version: group.find(({ version }) => version !== null)?.version ?? null,
    build: group[0]?.build ?? null,
    ways: UPDATE_WAYS.filter((way) => group.some((sign) => sign.way === way)),
    enforcedAt: times[0] ?? null,
  };
}

/** null = one of them is no plain version, so nothing is known. */
function compareVersions(a: string | null, b: string | null): number | null {
  const left = a === null ? null : readVersion(a);
  const right = b === null ? null : readVersion(b);
  if (left === null || right === null) return null;
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
