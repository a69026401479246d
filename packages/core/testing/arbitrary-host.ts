/** Arbitrary hosts for property tests: any fact may be any of its plausible values, or unknown, and memory may disagree with it. */
import fc from 'fast-check';
import type { EvaluateInput, Memory, UpdateAcceptance } from '../src/evaluate-types.ts';
import { PRESENCES } from '../src/evaluate-types.ts';
import type { Facts } from '../src/facts.ts';
import {
  ARGS,
  BUILD,
  CATALOGUE,
  COIH,
  KC,
  KDK,
  KIT,
  NEW_VISIT_ID,
  NOW,
  raisedFacts,
  stockFacts,
} from './sample-host.ts';

const maybe = <T>(...values: readonly T[]) => fc.constantFrom<T | null>(null, ...values);
const OTHER_COIH = 'B2'.repeat(48);
const ARGS_LINES = [
  ARGS,
  '',
  'hv_apple_isa_vm_quota=0xFF',
  'hypervisor=0x1 hv_apple_isa_vm_quota=0x8',
  'hypervisor=0 hv_apple_isa_vm_quota=255',
  `${ARGS} debug=0x144`,
  `${ARGS} serverperfmode=1`,
  'hv_apple_isa_vm_quota=1k hypervisor=0x1',
];

/** Weighted to the plausible, so that interesting combinations are met. */
const mostly = <T>(usual: T, ...others: readonly T[]) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(usual, ...others) });

export const arbitraryFacts: fc.Arbitrary<Facts> = fc
  .record({
    base: fc.constantFrom(stockFacts(), raisedFacts()),
    version: mostly<string | null>('14.5', '12.7', '26.1', 'x', null),
    baseBuild: mostly<string | null>(BUILD, '23G80', null),
    config: maybe('release', 'development', 'kasan', 'other'),
    variant: mostly<string | null>('T6020', 'T9999', 'VMAPPLE', 'X86_64', 'T6000', null),
    filesetUuid: maybe(KC.uuid, KC.uuid.toLowerCase(), '99999999-0000-4000-8000-000000000000'),
    appleSilicon: mostly<boolean | null>(true, false, null),
    virtualMachine: mostly<boolean | null>(false, true, null),
    model: mostly<string | null>('Mac14,12', 'VirtualMac2,1', null),
    inForce: maybe(...ARGS_LINES),
    stored: maybe(...ARGS_LINES),
    storedPresent: maybe(true, false),
    sip: maybe('enabled', 'disabled', 'custom'),
    securityMode: maybe('full', 'reduced', 'permissive'),
    customKernel: maybe('absent', COIH, COIH, OTHER_COIH, 'garbage'),
    filtering: maybe(true, false),
    sip0: maybe('absent', '7f'),
    startupDefault: mostly<boolean | null>(true, false, null),
    pending: mostly<Facts['update']['pending']>(
      [],
      [{ version: '14.6', build: '23G80' }],
      [{ version: '15.1', build: null }],
      null,
    ),
    prepared: mostly<boolean | null>(null, true),
    ready: fc.record({ kdks: fc.boolean(), kcs: fc.boolean(), kit: fc.boolean(), known: mostly(true, false) }),
  })
  .map(({ base, ready, ...drawn }) => ({
    ...base,
    os: { ...base.os, version: drawn.version, baseBuild: drawn.baseBuild },
    kernel: {
      ...base.kernel,
      config: drawn.config as Facts['kernel']['config'],
      variant: drawn.variant,
      filesetUuid: drawn.filesetUuid,
    },
    hardware: {
      ...base.hardware,
      appleSilicon: drawn.appleSilicon,
      virtualMachine: drawn.virtualMachine,
      model: drawn.model,
    },
    bootArgs: { inForce: drawn.inForce, stored: drawn.stored, storedPresent: drawn.storedPresent },
    sip: { status: drawn.sip as Facts['sip']['status'], flags: null },
    bootPolicy: {
      securityMode: drawn.securityMode as Facts['bootPolicy']['securityMode'],
      customKernel: drawn.customKernel,
      bootArgsFiltering: drawn.filtering,
      sip0: drawn.sip0,
      paired: false,
    },
    volumes: { ...base.volumes, startupDefault: drawn.startupDefault },
    update: { ...base.update, pending: drawn.pending, prepared: drawn.prepared },
    kdks: ready.known ? (ready.kdks ? raisedFacts().kdks : []) : null,
    kernelCollections: ready.kcs ? raisedFacts().kernelCollections : [],
    visitKit: ready.kit ? { ...KIT_FACT, ...(ready.known && { armed: true }) } : null,
  }));

const KIT_FACT = { visitId: KIT.visitId, quota: KIT.quota, kcSha256: KIT.kcSha256, complete: true };
const TIMES = ['2026-03-01T08:00:00.000Z', '2026-03-01T10:00:00.000Z', '2026-03-01T10:20:00.000Z'];

const ACCEPTED = { reason: 'a test', acceptedBy: 'token:admin' };
const ACCEPTANCES: UpdateAcceptance[] = [
  { ...ACCEPTED, id: '1', targets: ['23G80'], expiresAt: '2026-03-05T00:00:00.000Z' },
  { ...ACCEPTED, id: '2', targets: ['15.1', 'unnamed'], expiresAt: '2026-03-05T00:00:00.000Z' },
  { ...ACCEPTED, id: '3', targets: ['23G80', '15.1'], expiresAt: '2026-02-01T00:00:00.000Z' },
];
const MEMORIES: readonly Memory[] = [COIH, OTHER_COIH].map((customKernel) => ({
  provenObject: { kcUuid: KC.uuid, customKernel, at: '2026-03-01T09:00:00.000Z' },
  policySeen: { customKernel: OTHER_COIH, bootSessionId: 'session-1' },
  held: { custom_kernel_in_policy: customKernel, quota_in_force: ARGS, development_kernel: 'development' },
  drift: [],
}));

export const arbitraryInput: fc.Arbitrary<EvaluateInput> = fc
  .record({
    facts: fc.oneof({ weight: 20, arbitrary: arbitraryFacts }, { weight: 1, arbitrary: fc.constant(null) }),
    quota: mostly(255, 2, 8),
    extraArgs: mostly<readonly string[]>([], ['-v'], ['debug=0x144'], ['made-up']),
    grant: fc.record({
      covers: fc.boolean(),
      expiresAt: maybe('2026-02-01T00:00:00.000Z', '2026-03-05T00:00:00.000Z', '2026-06-01T00:00:00.000Z'),
      reason: maybe('GRANT_OTHER_HOST'),
      extraArgs: fc.constantFrom([], ['serverperfmode=1'], ['debug=0x144']),
    }),
    kc: maybe(KC, { ...KC, build: '23G80' }, { ...KC, variant: 'T8103' }),
    kit: maybe(KIT, { ...KIT, quota: 8 }),
    bootFirstSeenAt: maybe(...TIMES),
    visitOpenedAt: maybe(...TIMES),
    everRaised: fc.boolean(),
    memory: fc.constantFrom(undefined, ...MEMORIES),
    visit: maybe(
      { visitId: KIT.visitId, kind: 'raise' as const, openedAt: '2026-03-01T10:00:00.000Z' },
      { visitId: KIT.visitId, kind: 'restart' as const, openedAt: null },
      { visitId: KIT.visitId, kind: 'revert' as const, openedAt: '2026-03-01T10:00:00.000Z' },
      {
        visitId: KIT.visitId,
        kind: 'recover' as const,
        openedAt: '2026-03-01T10:00:00.000Z',
        doneAt: '2026-03-01T10:30:00.000Z',
      },
    ),
    failure: maybe(
      { kind: 'build_kc', code: 'KC_LINKING', detail: 'x', at: NOW.toISOString(), retryAt: null },
      {
        kind: 'place_kit',
        code: 'NOT_A_CODE',
        detail: 'x',
        at: NOW.toISOString(),
        retryAt: '2026-03-01T13:00:00.000Z',
      },
    ),
    planOpen: mostly(false, true),
    presence: fc.constantFrom(...PRESENCES),
    catalogue: fc.constantFrom(
      CATALOGUE,
      { kdks: [], dropBundles: {} },
      { kdks: [{ ...KDK, build: '23G80' }], dropBundles: {} },
    ),
    acceptances: fc.subarray(ACCEPTANCES),
  })
  .map(({ facts, quota, extraArgs, grant, visit, failure, planOpen, presence, catalogue, acceptances, ...record }) => ({
    facts,
    intent: { number: 1, quota, extraArgs, grant },
    record,
    work: {
      plan: planOpen ? { generation: 1, steps: [{ kind: 'collect_facts' }], nextStep: 0 } : null,
      visit,
      failure,
    },
    presence,
    catalogue,
    updateAcceptances: acceptances,
    newVisitId: NEW_VISIT_ID,
    now: NOW,
  }));
