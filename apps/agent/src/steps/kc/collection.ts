/**
 * The built kernel collection on disk: `<build>-<variant>.kc` with a sidecar that says how it was made.
 * Guarantee: what `builtCollection` gives back was read from the file itself, now; the sidecar alone proves nothing.
 */
import { rm } from 'node:fs/promises';
import type { KcResult } from '@headroom/core';
import { AgentError, differs } from '../../agent-error.ts';
import { namesIn } from '../../file-looks.ts';
import { isObject, readJsonObject } from '../../files.ts';
import type { Mac } from '../../mac.ts';
import { KC_FOLDER } from '../../paths.ts';
import type { Target } from '../this-mac.ts';
import { readBack } from './read-back.ts';

/** How a collection was made; beside it as JSON. */
export interface Sidecar extends Target {
  /** Bundles that were asked for. */
  readonly bundleIds: readonly string[];
  readonly dropBundles: readonly string[];
}

/** In the folder of collections: a build under way. */
export const BUILD_PREFIX = '.building-';
export const collectionPath = ({ build, variant }: Target): string => `${KC_FOLDER}/${build}-${variant}.kc`;
export const sidecarPath = (target: Target): string => `${collectionPath(target)}.json`;

/** A damaged one counts as none: what it said cannot be told any more, and the collection is built again. */
export async function readSidecar(mac: Mac, target: Target): Promise<Sidecar | null> {
  const value = await readJsonObject(mac.path(sidecarPath(target))).catch(() => null);
  if (!isObject(value) || value['build'] !== target.build || value['variant'] !== target.variant) return null;
  const { bundleIds, dropBundles } = value;
  return isIds(bundleIds) && isIds(dropBundles) ? { ...target, bundleIds, dropBundles } : null;
}

/** The collection for this build and variant, or why there is none that can be used. */
export async function builtCollection(mac: Mac, target: Target, signal: AbortSignal): Promise<KcResult | AgentError> {
  const { build, variant } = target;
  const sidecar = await readSidecar(mac, target);
  const path = collectionPath(target);
  if (sidecar === null)
    return new AgentError('KC_READ_BACK_FAILED', `${sidecarPath(target)} is not there, or damaged.`);
  const file = await readBack(mac.path(path), { variant, bundleIds: sidecar.bundleIds }, signal);
  if (file instanceof AgentError) return file;
  return { path, build, variant, ...file };
}

/** Leaves one collection and its sidecar, and the folder of a build under way; cut builds and other collections go. */
export async function removeOthers(mac: Mac, keep: Target, buildFolder = ''): Promise<void> {
  const kept = [collectionPath(keep), sidecarPath(keep), buildFolder].map((path) => mac.path(path || KC_FOLDER));
  for (const name of await namesIn(mac.path(KC_FOLDER))) {
    const path = `${mac.path(KC_FOLDER)}/${name}`;
    if (!kept.includes(path)) await rm(path, { recursive: true, force: true });
  }
}

function sameIds(left: readonly string[], right: readonly string[]): boolean {
  return [...left].sort().join() === [...right].sort().join();
}

export function dropListDiffers(sidecar: Sidecar | null, dropBundles: readonly string[]): string | null {
  if (sidecar === null) return 'no sidecar';
  if (sameIds(sidecar.dropBundles, dropBundles)) return null;
  return differs('Drop list', dropBundles.join(' ') || 'empty', sidecar.dropBundles.join(' ') || 'empty');
}

function isIds(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((id) => typeof id === 'string');
}
