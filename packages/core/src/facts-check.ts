/**
 * Checks facts that came over the wire. The rules are those of schema/facts.schema.json (a test holds both together);
 * written by hand so that neither agent nor controller needs a schema library for it.
 */
import type {
  BootArgsFacts,
  BootPolicyFacts,
  EnforcedUpdate,
  Facts,
  HardwareFacts,
  KdkFact,
  KernelCollectionFact,
  KernelFacts,
  OsFacts,
  OtherSystem,
  ReceiptFact,
  RecoveryAdmin,
  SipFacts,
  UpdateTarget,
  VisitKitFact,
  VolumeFacts,
  VolumeOwner,
  WitnessFact,
} from './facts.ts';
import { withinBounds } from './facts-bounds.ts';
import {
  bool,
  type Check,
  count,
  exactly,
  fields,
  integer,
  listOf,
  mapOf,
  matching,
  nullable,
  optional,
  text,
} from './shape.ts';

export type FactsCheck =
  | { readonly ok: true; readonly facts: Facts }
  | { readonly ok: false; readonly problem: string };

/** Every key of T has its check: a new fact without one does not compile. */
type Shape<T> = { readonly [K in keyof T]-?: Check };

const maybeText = nullable(text);
const maybeBool = nullable(bool);
const maybeCount = nullable(count);
/** One that is not known here may be a newer agent's. */
const word = matching(/^[a-z][a-z0-9_-]{0,39}$/, 'a word');
const customKernel = matching(/^(absent|[0-9A-F]{96})$/, '96 upper-case hex digits or "absent"');

const os: Shape<OsFacts> = { version: maybeText, build: maybeText, extra: maybeText, baseBuild: maybeText };
const kernel: Shape<KernelFacts> = {
  config: nullable(word),
  variant: maybeText,
  darwin: maybeText,
  xnu: maybeText,
  versionText: maybeText,
  uuid: maybeText,
  filesetUuid: maybeText,
};
const hardware: Shape<HardwareFacts> = {
  model: maybeText,
  chip: maybeText,
  appleSilicon: maybeBool,
  virtualMachine: maybeBool,
  uuid: maybeText,
  serial: maybeText,
};
const bootArgs: Shape<BootArgsFacts> = { inForce: maybeText, storedPresent: maybeBool, stored: maybeText };
const sip: Shape<SipFacts> = {
  status: nullable(word),
  flags: nullable(mapOf(bool)),
};
const bootPolicy: Shape<BootPolicyFacts> = {
  securityMode: nullable(word),
  customKernel: nullable(customKernel),
  bootArgsFiltering: maybeBool,
  sip0: maybeText,
  paired: maybeBool,
  auxiliaryKexts: optional(maybeBool),
};
const owner: Shape<VolumeOwner> = { user: maybeText, uuid: text };
const recoveryAdmin: Shape<RecoveryAdmin> = { user: text, uuid: text };
const otherSystem: Shape<OtherSystem> = { name: maybeText, systemUuid: text };
const volumes: Shape<VolumeFacts> = {
  systemUuid: maybeText,
  dataUuid: maybeText,
  group: maybeText,
  systemName: maybeText,
  owners: nullable(listOf(fields(owner))),
  recoveryAdmins: optional(nullable(listOf(fields(recoveryAdmin)))),
  startupDefault: maybeBool,
  otherSystems: optional(nullable(listOf(fields(otherSystem)))),
};
const kdk: Shape<KdkFact> = {
  version: text,
  build: text,
  complete: bool,
  variants: listOf(text),
  reason: maybeText,
  ours: optional(bool),
};
const kernelCollection: Shape<KernelCollectionFact> = {
  path: text,
  build: maybeText,
  variant: maybeText,
  sha256: text,
  md5: text,
  uuid: maybeText,
  bundles: maybeCount,
};
const visitKit: Shape<VisitKitFact> = {
  visitId: text,
  quota: integer,
  kcSha256: text,
  complete: bool,
  armed: optional(bool),
};
const receipt: Shape<ReceiptFact> = {
  visitId: text,
  nonce: text,
  writtenAt: text,
  steps: mapOf(integer),
  customKernel: maybeText,
  outcome: text,
};
const mdm: Shape<Facts['mdm']> = { enrolled: maybeBool, userApproved: maybeBool };
const disk: Shape<Facts['disk']> = { freeBytes: maybeCount };
const updateTarget: Shape<UpdateTarget> = { version: maybeText, build: maybeText };
const enforcedUpdate: Shape<EnforcedUpdate> = { version: text, build: maybeText, at: text };
const update: Shape<Facts['update']> = {
  pending: nullable(listOf(fields({ version: text, build: maybeText }))),
  autoInstall: maybeBool,
  deferralDays: maybeCount,
  prepared: maybeBool,
  preparedTarget: optional(nullable(fields(updateTarget))),
  enforced: optional(nullable(listOf(fields(enforcedUpdate)))),
};
const witness: Shape<WitnessFact> = { macosGuests: count, source: text, at: text };
const guests: Shape<Facts['guests']> = {
  processesAtMost: maybeCount,
  derivedQuota: nullable(integer),
  suspectedLeaked: maybeCount,
  witness: optional(nullable(fields(witness))),
};
const boot: Shape<Facts['boot']> = { sessionId: maybeText, ordinal: maybeCount, time: maybeText };

const facts: Shape<Facts> = {
  schemaVersion: exactly(1),
  os: fields(os),
  kernel: fields(kernel),
  hardware: fields(hardware),
  bootArgs: fields(bootArgs),
  sip: fields(sip),
  bootPolicy: fields(bootPolicy),
  volumes: fields(volumes),
  fileVault: nullable(word),
  mdm: fields(mdm),
  disk: fields(disk),
  kdks: nullable(listOf(fields(kdk))),
  kernelCollections: nullable(listOf(fields(kernelCollection))),
  auxiliaryKexts: nullable(listOf(text)),
  update: fields(update),
  guests: fields(guests),
  boot: fields(boot),
  kitFolder: optional(nullable(word)),
  kitFolderSeen: optional(maybeText),
  visitKit: nullable(fields(visitKit)),
  receipt: nullable(fields(receipt)),
  unknown: mapOf(text),
};
const check = fields(facts);

/**
 * Facts out of parsed JSON: additional fields are tolerated, a wrong type or a missing field is refused with its path. A number that
 * no Mac can have, and a word that is not known here, are taken as unknown, with the reason: the other facts still count.
 */
export function factsFromUnknown(json: unknown): FactsCheck {
  const problem = check(json, '');
  return problem === null ? { ok: true, facts: withinBounds(json as Facts) } : { ok: false, problem };
}
