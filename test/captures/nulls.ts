/** Is there a reason for each null, and a null for each reason? */
import { FACT_PATHS, type Facts, factAt } from '@headroom/core';

/** Null without a reason is right for these alone: nothing stored, SIP not custom, no kit, no receipt. */
const MAY_BE_NULL = ['bootArgs.stored', 'sip.flags', 'guests.witness', 'kitFolderSeen', 'visitKit', 'receipt'];

/** Sentences; none = all is well. */
export function unexplained(facts: Facts): readonly string[] {
  const nulls = FACT_PATHS.filter((path) => factAt(facts, path) === null);
  const listed = nullsInLists(facts);
  const silent = nulls.filter((path) => !MAY_BE_NULL.includes(path)).concat(listed);
  const known = Object.keys(facts.unknown).filter((path) => factAt(facts, path) !== null && !listed.includes(path));
  return [
    ...silent.filter((path) => !(path in facts.unknown)).map((path) => `${path} is null without a reason`),
    ...known.map((path) => `${path} has a reason and is no null`),
  ];
}

/** `kernelCollections[0].uuid` of each null that stands for what could not be read; a KDK has its reason in itself. */
function nullsInLists({ kernelCollections, update, volumes }: Facts): readonly string[] {
  const lists = { kernelCollections, 'update.pending': update.pending, 'volumes.owners': volumes.owners };
  return Object.entries(lists).flatMap(([path, items]) =>
    (items ?? []).flatMap((item, index) =>
      Object.entries(item).flatMap(([key, value]) => (value === null ? [`${path}[${index}].${key}`] : [])),
    ),
  );
}
