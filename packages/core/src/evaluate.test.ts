/** Goal: every state of a host is reached from the facts that mean it, with the finding, steps and visit that follow. */
import { describe, expect, it } from 'vitest';
import {
  ARGS,
  BUILD,
  CATALOGUE,
  COIH,
  GRANT_ENDS_AT,
  KC,
  KDK,
  KIT,
  kcStagedFacts,
  kdkReadyFacts,
  kitPlacedFacts,
  NEW_RECORD,
  NEW_VISIT_ID,
  NO_WORK,
  NOW,
  QUOTA,
  RAISE_INTENT,
  RAISED_RECORD,
  raisedFacts,
  raisedInput,
  STOCK_INTENT,
  sampleInput,
  saw,
  sawNo,
  shownBy,
  stockFacts,
  VISIT_OPENED_AT,
} from '../testing/sample-host.ts';
import { evaluate } from './evaluate.ts';
import {
  type EvaluateInput,
  type EvidenceId,
  HOST_STATES,
  type HostRecord,
  type HostState,
  type VisitKind,
} from './evaluate-types.ts';
import type { Facts } from './facts.ts';
import type { FindingCode } from './findings.ts';
import { neededArgs } from './needed-args.ts';

/** Facts with whole groups changed. */
function change(facts: Facts, changes: { readonly [Group in keyof Facts]?: Partial<Facts[Group]> }): Facts {
  const groups = Object.entries(changes).map(([group, values]) => {
    const old = facts[group as keyof Facts];
    const isGroup = typeof old === 'object' && old !== null && !Array.isArray(values) && typeof values === 'object';
    return [group, isGroup && values !== null ? { ...old, ...values } : values];
  });
  return { ...facts, ...Object.fromEntries(groups) };
}

const OTHER_UUID = '99999999-0000-4000-8000-000000000000';
const QUOTA_WORD = 'hv_apple_isa_vm_quota=0xFF';
const KIT_RECORD: HostRecord = { ...NEW_RECORD, kc: KC, kit: KIT };
const KC_RECORD: HostRecord = { ...NEW_RECORD, kc: KC };
const HALF_DONE = change(kitPlacedFacts(), {
  sip: { status: 'disabled' },
  bootPolicy: { securityMode: 'permissive', sip0: '7f', bootArgsFiltering: false },
});
const INSTALLED = change(HALF_DONE, { bootPolicy: { customKernel: COIH } });
const CLEARED = change(raisedFacts(), { bootArgs: { storedPresent: false, stored: null } });
const KIT_KC_PATH = '/Library/Headroom/KernelCollection.kc';
const ARMED_FACTS: Facts = { ...raisedFacts(), visitKit: { ...KIT, complete: true, armed: true } };
const REVERTED = change(kitPlacedFacts(), {
  kdks: [{ version: '14.5', build: BUILD, complete: true, variants: ['T6020'], reason: null, ours: true }],
});
const RECEIPT = {
  visitId: KIT.visitId,
  nonce: 'n',
  writtenAt: '2026-03-01T10:10:00Z',
  steps: { csrutil: 0, 'configure-boot': 0 },
  customKernel: COIH,
  outcome: 'done',
};
const OPEN_VISIT = { ...NO_WORK, visit: { visitId: KIT.visitId, kind: 'raise' as const, openedAt: VISIT_OPENED_AT } };
const BOOTED_BEFORE: HostRecord = { ...KIT_RECORD, visitOpenedAt: VISIT_OPENED_AT };

interface Row {
  readonly name: string;
  readonly input: EvaluateInput;
  readonly state: HostState;
  readonly findings?: readonly FindingCode[];
  readonly steps?: readonly string[];
  readonly visit?: VisitKind;
}

const ROWS: readonly Row[] = [
  { name: 'no report yet', input: sampleInput({ facts: null }), state: 'no_facts', findings: ['NO_FACTS'] },
  {
    name: 'an Intel Mac',
    input: sampleInput({
      facts: change(stockFacts(), { hardware: { appleSilicon: false }, kernel: { variant: 'X86_64' } }),
    }),
    state: 'unsupported',
    findings: ['HOST_INTEL'],
  },
  {
    name: 'a guest, by its variant alone',
    input: sampleInput({ facts: change(stockFacts(), { kernel: { variant: 'VMAPPLE' } }) }),
    state: 'unsupported',
    findings: ['HOST_IS_GUEST'],
  },
  {
    name: 'a guest, by its model alone',
    input: sampleInput({ facts: change(stockFacts(), { hardware: { model: 'VirtualMac2,1' } }) }),
    state: 'unsupported',
    findings: ['HOST_IS_GUEST'],
  },
  {
    name: 'a guest, by hv_vmm_present alone, with raised facts',
    input: raisedInput({ facts: change(raisedFacts(), { hardware: { virtualMachine: true } }) }),
    state: 'unsupported',
    findings: ['HOST_IS_GUEST'],
  },
  {
    name: 'macOS 12',
    input: sampleInput({ facts: change(stockFacts(), { os: { version: '12.7.6' } }) }),
    state: 'unsupported',
    findings: ['OS_TOO_OLD'],
  },
  {
    name: 'kernel config unknown',
    input: sampleInput({
      facts: change(stockFacts(), { kernel: { config: null }, unknown: { 'kernel.config': 'sysctl timed out' } }),
    }),
    state: 'unknown',
    findings: ['FACT_UNKNOWN'],
  },
  {
    name: 'a stock Mac, its KDK in the catalogue: all steps up to the visit',
    input: sampleInput(),
    state: 'not_started',
    findings: [],
    steps: ['install_kdk', 'build_kc', 'place_kit'],
  },
  {
    name: 'no KDK for this build in the catalogue',
    input: sampleInput({ catalogue: { kdks: [{ ...KDK, build: '23G80' }], dropBundles: {} } }),
    state: 'kdk_missing',
    findings: ['KDK_NOT_IN_CATALOGUE'],
  },
  {
    name: 'a husk is installed again',
    input: sampleInput({
      facts: {
        ...stockFacts(),
        kdks: [{ version: '14.5', build: BUILD, complete: false, variants: [], reason: 'kernel file gone' }],
      },
    }),
    state: 'kdk_missing',
    findings: ['KDK_HUSK'],
    steps: ['install_kdk', 'build_kc', 'place_kit'],
  },
  {
    name: 'a whole KDK without this variant',
    input: sampleInput({
      facts: {
        ...stockFacts(),
        kdks: [{ version: '14.5', build: BUILD, complete: true, variants: ['T8122'], reason: null }],
      },
    }),
    state: 'kdk_missing',
    findings: ['KDK_VARIANT_MISSING'],
  },
  {
    name: 'a KDK in which two Macs found no kernel for this variant is not fetched',
    input: sampleInput({ catalogue: shownBy(sawNo('T6020'), sawNo('T6020')) }),
    state: 'kdk_missing',
    findings: ['KDK_VARIANT_MISSING'],
  },
  {
    name: 'one in which one Mac found none is: its word keeps no other from it',
    input: sampleInput({ catalogue: shownBy(sawNo('T6020')) }),
    state: 'not_started',
    findings: [],
    steps: ['install_kdk', 'build_kc', 'place_kit'],
  },
  {
    name: 'nor does the word of many that an admin does not believe',
    input: sampleInput({
      catalogue: shownBy(
        sawNo('T6020'),
        { ...sawNo('T6020'), disbelieved: true },
        { ...saw('T8122'), disbelieved: true },
      ),
    }),
    state: 'not_started',
    findings: [],
    steps: ['install_kdk', 'build_kc', 'place_kit'],
  },
  {
    name: 'a KDK whose kernels other Macs have seen, and this variant is not among them',
    input: sampleInput({ catalogue: shownBy(saw('T8122'), saw('T8122', 'T6031')) }),
    state: 'kdk_missing',
    findings: ['KDK_VARIANT_MISSING'],
  },
  {
    name: 'a kernel that one Mac has seen is there, although others did not find it',
    input: sampleInput({ catalogue: shownBy(saw('T6020'), sawNo('T6020'), sawNo('T6020'), saw('T8122')) }),
    state: 'not_started',
    findings: [],
    steps: ['install_kdk', 'build_kc', 'place_kit'],
  },
  {
    name: 'an unknown variant is a question to a person, not a guess',
    input: sampleInput({ facts: change(stockFacts(), { kernel: { variant: 'T9999' } }) }),
    state: 'not_started',
    findings: ['VARIANT_UNKNOWN'],
  },
  {
    name: 'KDK installed',
    input: sampleInput({ facts: kdkReadyFacts() }),
    state: 'kdk_ready',
    findings: [],
    steps: ['build_kc', 'place_kit'],
  },
  {
    name: 'kernel collection built',
    input: sampleInput({ facts: kcStagedFacts(), record: KC_RECORD }),
    state: 'kc_staged',
    findings: [],
    steps: ['place_kit'],
  },
  {
    name: 'a kernel collection file that is not the recorded one does not count',
    input: sampleInput({ facts: kcStagedFacts(), record: { ...KC_RECORD, kc: { ...KC, sha256: '00'.repeat(32) } } }),
    state: 'kdk_ready',
    findings: [],
    steps: ['build_kc', 'place_kit'],
  },
  {
    name: 'a kernel collection whose note of what it was built for is gone is built again: no kit is placed from it',
    input: sampleInput({
      facts: change(kcStagedFacts(), { kernelCollections: [{ ...KC, build: null }] }),
      record: KC_RECORD,
    }),
    state: 'kdk_ready',
    findings: [],
    steps: ['build_kc', 'place_kit'],
  },
  {
    name: 'a kit that is not whole, and the collection it was placed from is gone: its own copy helps no other kit',
    input: sampleInput({
      facts: change(kitPlacedFacts(), {
        kernelCollections: [{ ...KC, path: KIT_KC_PATH }],
        visitKit: { ...KIT, complete: false },
      }),
      record: KIT_RECORD,
    }),
    state: 'kdk_ready',
    findings: [],
    steps: ['build_kc', 'place_kit'],
  },
  {
    name: 'a whole kit needs only the person, though the collection it was placed from is gone',
    input: sampleInput({
      facts: change(kitPlacedFacts(), { kernelCollections: [{ ...KC, path: KIT_KC_PATH }] }),
      record: KIT_RECORD,
    }),
    state: 'ready_for_visit',
    findings: [],
    visit: 'raise',
  },
  {
    name: 'no grant: what needs none is still prepared',
    input: sampleInput({
      intent: { ...RAISE_INTENT, grant: { covers: false, expiresAt: null, reason: 'GRANT_OTHER_HOST' } },
    }),
    state: 'not_started',
    findings: ['GRANT_MISSING'],
    steps: ['install_kdk', 'build_kc'],
  },
  {
    name: 'a grant that ended between two evaluations',
    input: sampleInput({
      facts: kitPlacedFacts(),
      record: KIT_RECORD,
      intent: { ...RAISE_INTENT, grant: { covers: true, expiresAt: '2026-02-28T00:00:00.000Z', reason: null } },
    }),
    state: 'ready_for_visit',
    findings: ['GRANT_EXPIRED'],
  },
  {
    name: 'kit placed: a person is needed',
    input: sampleInput({ facts: kitPlacedFacts(), record: KIT_RECORD }),
    state: 'ready_for_visit',
    findings: [],
    visit: 'raise',
  },
  {
    name: 'a kit of the consent that holds now needs only the person',
    input: sampleInput({
      facts: kitPlacedFacts(),
      record: { ...KIT_RECORD, kit: { ...KIT, expiresAt: GRANT_ENDS_AT } },
    }),
    state: 'ready_for_visit',
    findings: [],
    visit: 'raise',
  },
  {
    name: 'the exception was renewed: the kit that ends with the old consent is replaced',
    input: sampleInput({
      facts: kitPlacedFacts(),
      record: { ...KIT_RECORD, kit: { ...KIT, expiresAt: '2026-03-02T00:00:00.000Z' } },
    }),
    state: 'kc_staged',
    findings: [],
    steps: ['place_kit'],
  },
  {
    name: 'the kit of another quota is replaced',
    input: sampleInput({
      facts: change(kitPlacedFacts(), { visitKit: { ...KIT, quota: 8, complete: true } }),
      record: KIT_RECORD,
    }),
    state: 'kc_staged',
    findings: [],
    steps: ['place_kit'],
  },
  {
    name: 'a visit was broken off after csrutil',
    input: sampleInput({ facts: HALF_DONE, record: KIT_RECORD }),
    state: 'half_done',
    findings: ['HALF_DONE'],
    visit: 'raise',
  },
  {
    name: 'lowered by somebody else before any work',
    input: sampleInput({ facts: change(HALF_DONE, { kernelCollections: [], kdks: [], visitKit: null }) }),
    state: 'not_started',
    findings: ['POLICY_ALREADY_LOWERED'],
    steps: ['install_kdk', 'build_kc', 'place_kit'],
  },
  {
    name: 'our object installed, stock kernel runs',
    input: sampleInput({ facts: { ...INSTALLED, receipt: RECEIPT }, record: BOOTED_BEFORE }),
    state: 'object_not_booted',
    findings: ['OBJECT_NOT_BOOTED'],
    visit: 'restart',
  },
  {
    name: 'our object installed, and the boot after its visit left it out: no restart after the other, a visit installs it anew',
    input: sampleInput({
      facts: { ...INSTALLED, receipt: RECEIPT },
      record: { ...BOOTED_BEFORE, bootFirstSeenAt: '2026-03-01T11:00:00.000Z' },
    }),
    state: 'object_not_booted',
    findings: ['OBJECT_DID_NOT_START'],
    visit: 'raise',
  },
  {
    name: 'our object installed, built for another system: nobody is told to restart into it',
    input: sampleInput({
      facts: change({ ...INSTALLED, receipt: RECEIPT }, { os: { build: '23G80', baseBuild: '23G80' } }),
      record: BOOTED_BEFORE,
    }),
    state: 'object_not_booted',
    findings: ['KDK_NOT_IN_CATALOGUE', 'OBJECT_DOES_NOT_FIT'],
  },
  {
    name: 'arguments stored, and what the next boot starts could not be read: no restart',
    input: raisedInput({
      facts: change(raisedFacts(), {
        bootArgs: { inForce: '' },
        bootPolicy: { customKernel: null },
        unknown: { 'bootPolicy.customKernel': 'bputil did not answer' },
      }),
    }),
    state: 'reboot_due',
    findings: ['FACT_UNKNOWN', 'QUOTA_NOT_IN_FORCE', 'HYPERVISOR_NOT_IN_FORCE'],
  },
  {
    name: 'our object installed, and its collection is not known any more',
    input: sampleInput({ facts: { ...INSTALLED, receipt: RECEIPT }, record: { ...BOOTED_BEFORE, kit: null } }),
    state: 'object_not_booted',
    findings: ['OBJECT_DOES_NOT_FIT'],
    steps: ['place_kit'],
  },
  {
    name: 'an object that nobody can name is replaced by a visit',
    input: sampleInput({ facts: INSTALLED, record: KIT_RECORD }),
    state: 'object_not_booted',
    findings: ['OTHER_OBJECT_IN_POLICY'],
    visit: 'raise',
  },
  {
    name: 'booted in development, arguments missing',
    input: raisedInput({
      facts: change(raisedFacts(), { bootArgs: { inForce: '', storedPresent: false, stored: null } }),
      record: { ...RAISED_RECORD, everRaised: false },
    }),
    state: 'args_missing',
    findings: ['QUOTA_NOT_IN_FORCE', 'HYPERVISOR_NOT_IN_FORCE'],
    steps: ['set_boot_args'],
  },
  {
    name: 'arguments missing and no grant',
    input: raisedInput({
      facts: change(raisedFacts(), { bootArgs: { inForce: '', storedPresent: false, stored: null } }),
      intent: { ...RAISE_INTENT, grant: { covers: false, expiresAt: null, reason: null } },
    }),
    state: 'args_missing',
    findings: ['GRANT_MISSING', 'QUOTA_NOT_IN_FORCE', 'HYPERVISOR_NOT_IN_FORCE'],
  },
  {
    name: 'arguments stored, restart due',
    input: raisedInput({ facts: change(raisedFacts(), { bootArgs: { inForce: '' } }) }),
    state: 'reboot_due',
    findings: ['QUOTA_NOT_IN_FORCE', 'HYPERVISOR_NOT_IN_FORCE'],
    visit: 'restart',
  },
  { name: 'raised', input: raisedInput(), state: 'raised', findings: [] },
  {
    name: 'raised without a receipt, for a lost receipt prevents nothing',
    input: raisedInput({ facts: { ...raisedFacts(), receipt: null } }),
    state: 'raised',
    findings: [],
  },
  {
    name: 'raised without kcsuffix, for it is no evidence',
    input: raisedInput({
      facts: change(raisedFacts(), { bootArgs: { inForce: 'hypervisor=0x1 hv_apple_isa_vm_quota=255' } }),
    }),
    state: 'raised',
    findings: [],
  },
  {
    name: 'raised, KDK and kernel collection purged: notes, not drift',
    input: raisedInput({ facts: { ...raisedFacts(), kdks: [], kernelCollections: [] } }),
    state: 'raised',
    findings: ['KC_PURGED', 'KDK_PURGED'],
  },
  {
    name: 'raised, stored arguments lost: stored again before the next restart',
    input: raisedInput({ facts: change(raisedFacts(), { bootArgs: { storedPresent: false, stored: null } }) }),
    state: 'raised',
    findings: ['ARGS_NOT_STORED'],
    steps: ['set_boot_args'],
  },
  {
    name: 'raised, grant expired: still raised until evidence says otherwise',
    input: raisedInput({
      intent: {
        ...RAISE_INTENT,
        grant: { covers: false, expiresAt: '2026-02-28T00:00:00.000Z', reason: 'GRANT_EXPIRED' },
      },
    }),
    state: 'raised',
    findings: ['GRANT_EXPIRED', 'CONSENT_ENDED_STILL_RAISED'],
  },
  {
    name: 'raised, other quota planned',
    input: raisedInput({ intent: { ...RAISE_INTENT, quota: 8 } }),
    state: 'raised_other_value',
    findings: ['QUOTA_OTHER_VALUE'],
    steps: ['set_boot_args'],
  },
  {
    name: 'raised, other quota planned and stored',
    input: raisedInput({
      intent: { ...RAISE_INTENT, quota: 8 },
      facts: change(raisedFacts(), { bootArgs: { stored: ARGS.replace('0xFF', '0x8') } }),
    }),
    state: 'raised_other_value',
    findings: ['QUOTA_OTHER_VALUE'],
    visit: 'restart',
  },
  {
    name: 'kasan kernel',
    input: raisedInput({ facts: change(raisedFacts(), { kernel: { config: 'kasan' } }) }),
    state: 'foreign_kernel',
    findings: ['FOREIGN_KERNEL'],
    visit: 'raise',
  },
  {
    name: 'a development kernel, and nothing was ever built here',
    input: raisedInput({
      facts: change(raisedFacts(), { kernelCollections: [] }),
      record: { ...NEW_RECORD, visitOpenedAt: null },
    }),
    state: 'foreign_kernel',
    findings: ['FOREIGN_KERNEL'],
    steps: ['build_kc', 'place_kit'],
  },
  {
    name: 'our own kernel of this build, and a newer one was built since: nobody else installed it',
    input: raisedInput({
      facts: change(raisedFacts(), { kernelCollections: [{ ...KC, sha256: '11'.repeat(32), uuid: OTHER_UUID }] }),
      record: { ...RAISED_RECORD, kc: { ...KC, sha256: '11'.repeat(32), uuid: OTHER_UUID }, olderKcs: [KC] },
    }),
    state: 'foreign_kernel',
    findings: ['OLDER_KERNEL_OF_OURS'],
    steps: ['place_kit'],
  },
  {
    name: 'raised before, a visit installed another kernel of ours, and the stock kernel still runs: one restart, no visit',
    input: sampleInput({
      facts: { ...INSTALLED, receipt: RECEIPT },
      record: { ...BOOTED_BEFORE, everRaised: true },
    }),
    state: 'object_not_booted',
    findings: ['OBJECT_NOT_BOOTED'],
    visit: 'restart',
  },
  {
    name: 'raised before, an update took the custom kernel and left SIP off: no visit was broken off',
    input: sampleInput({ facts: HALF_DONE, record: { ...RAISED_RECORD, bootFirstSeenAt: '2026-03-01T11:00:00.000Z' } }),
    state: 'drifted',
    findings: ['DRIFTED', 'LOWERED_FOR_NOTHING'],
    visit: 'raise',
  },
  {
    name: 'and the visit that raises it again was broken off',
    input: sampleInput({ facts: HALF_DONE, record: { ...RAISED_RECORD }, work: OPEN_VISIT }),
    state: 'drifted',
    findings: ['DRIFTED', 'HALF_DONE'],
    visit: 'raise',
  },
  {
    name: 'raised before, an object that nobody can name',
    input: sampleInput({ facts: INSTALLED, record: { ...BOOTED_BEFORE, everRaised: true } }),
    state: 'drifted',
    findings: ['DRIFTED', 'OTHER_OBJECT_IN_POLICY'],
    visit: 'raise',
  },
  {
    name: 'SIP off already, and nobody asked for the argument that its kernel needs: no line without it is stored, over and over',
    input: sampleInput({
      facts: change(HALF_DONE, { kernel: { variant: 'T6000' } }),
      record: { ...KIT_RECORD, kc: { ...KC, variant: 'T6000' } },
    }),
    state: 'half_done',
    findings: ['KERNEL_NEEDS_ARGUMENT', 'HALF_DONE'],
  },
  {
    name: 'lowered by our own visit, kernel collection gone since',
    input: sampleInput({ facts: change(HALF_DONE, { kernelCollections: [], visitKit: null }), record: BOOTED_BEFORE }),
    state: 'half_done',
    findings: ['HALF_DONE'],
    steps: ['build_kc', 'place_kit'],
  },
  {
    name: 'in force: hypervisor without a value, which no fact explains',
    input: raisedInput({ facts: change(raisedFacts(), { bootArgs: { inForce: `hypervisor ${QUOTA_WORD}` } }) }),
    state: 'unknown',
    findings: ['FACT_UNKNOWN'],
  },
  {
    name: 'stored: hypervisor without a value is stored anew in a form that is known',
    input: raisedInput({ facts: change(raisedFacts(), { bootArgs: { stored: `hypervisor ${QUOTA_WORD}` } }) }),
    state: 'raised',
    findings: ['ARGS_NOT_STORED'],
    steps: ['set_boot_args'],
  },
  {
    name: 'updated, new collection built, the old kernel of ours still runs',
    input: raisedInput({
      facts: change(raisedFacts(), { os: { build: '23G80', baseBuild: '23G80' } }),
      record: {
        ...RAISED_RECORD,
        kc: { ...KC, build: '23G80', uuid: 'FFFFFFFF-0000-4000-8000-000000000000' },
        olderKcs: [KC],
      },
    }),
    state: 'old_kernel_new_system',
    findings: ['OLD_KERNEL_NEW_SYSTEM'],
    visit: 'raise',
  },
  {
    name: 'silent since the visit, FileVault on',
    input: sampleInput({
      facts: { ...kitPlacedFacts(), fileVault: 'on' },
      record: BOOTED_BEFORE,
      work: OPEN_VISIT,
      presence: 'silent',
    }),
    state: 'waiting_for_unlock',
    findings: ['MAYBE_WAITING_FOR_UNLOCK', 'VISIT_OVERDUE'],
    visit: 'raise',
  },
  ...([null, 'encrypting', 'decrypting'] as const).map(
    (fileVault): Row => ({
      name: `silent since the visit, FileVault ${fileVault ?? 'unread'}: the unlock screen is not ruled out`,
      input: sampleInput({
        facts: { ...kitPlacedFacts(), fileVault },
        record: BOOTED_BEFORE,
        work: OPEN_VISIT,
        presence: 'silent',
      }),
      state: 'waiting_for_unlock',
      findings: ['MAYBE_WAITING_FOR_UNLOCK', 'VISIT_OVERDUE'],
      visit: 'raise',
    }),
  ),
  {
    name: 'lost since the visit',
    input: sampleInput({ facts: kitPlacedFacts(), record: BOOTED_BEFORE, work: OPEN_VISIT, presence: 'lost' }),
    state: 'failed_boot',
    findings: ['MAYBE_FAILED_BOOT', 'VISIT_OVERDUE'],
    visit: 'raise',
  },
  {
    name: 'in a visit: silence is expected',
    input: sampleInput({ facts: kitPlacedFacts(), record: BOOTED_BEFORE, work: OPEN_VISIT, presence: 'in_visit' }),
    state: 'ready_for_visit',
    findings: [],
    visit: 'raise',
  },
  {
    name: 'raised and silent keeps its state',
    input: raisedInput({ presence: 'silent' }),
    state: 'raised',
    findings: ['HOST_SILENT'],
  },
  {
    name: 'raised and lost keeps its state, and somebody has to look',
    input: raisedInput({ presence: 'lost' }),
    state: 'raised',
    findings: ['HOST_LOST'],
    visit: 'recover',
  },
  {
    name: 'raised and lost where nobody gets to',
    input: raisedInput({ presence: 'lost', placeType: 'no_hands' }),
    state: 'raised',
    findings: ['HOST_LOST', 'NO_HANDS'],
  },
  {
    name: 'a recover visit stays while somebody is at it, consent or not',
    input: raisedInput({
      presence: 'in_visit',
      intent: { ...RAISE_INTENT, grant: { covers: false, expiresAt: null, reason: 'gone' } },
      work: { ...NO_WORK, visit: { visitId: 'v', kind: 'recover', openedAt: '2026-03-01T11:30:00.000Z' } },
    }),
    state: 'raised',
    findings: ['CONSENT_ENDED_STILL_RAISED', 'GRANT_MISSING'],
    visit: 'recover',
  },
  {
    name: 'and ends once the Mac is heard of',
    input: raisedInput({
      work: { ...NO_WORK, visit: { visitId: 'v', kind: 'recover', openedAt: '2026-03-01T10:05:00.000Z' } },
    }),
    state: 'raised',
  },
  {
    name: 'lost with the policy not read, while a development kernel ran: somebody has to look',
    input: raisedInput({ presence: 'lost', facts: change(raisedFacts(), { bootPolicy: { customKernel: null } }) }),
    state: 'unknown',
    findings: ['FACT_UNKNOWN', 'HOST_LOST'],
    visit: 'recover',
  },
  {
    name: 'lost with the policy not read, while a release kernel ran: no custom kernel is claimed',
    input: sampleInput({
      presence: 'lost',
      facts: change(kcStagedFacts(), { bootPolicy: { customKernel: null } }),
      record: KC_RECORD,
    }),
    state: 'unknown',
    findings: ['FACT_UNKNOWN', 'HOST_LOST'],
  },
  {
    name: 'lost with the kernel of Apple: nothing to recover',
    input: sampleInput({ presence: 'lost', facts: kcStagedFacts(), record: KC_RECORD }),
    state: 'kc_staged',
    findings: ['HOST_LOST'],
    steps: ['place_kit'],
  },
  {
    name: 'overdue by the window of a done, before silence alone would say so',
    input: sampleInput({
      facts: kitPlacedFacts(),
      record: BOOTED_BEFORE,
      work: { ...OPEN_VISIT, visit: { ...OPEN_VISIT.visit, doneAt: '2026-03-01T11:50:00.000Z' } },
      presence: 'asleep',
    }),
    state: 'failed_boot',
    findings: ['MAYBE_FAILED_BOOT', 'VISIT_OVERDUE'],
    visit: 'raise',
  },
  {
    name: 'heard of after the visit was opened, silent after a later done: overdue all the same',
    input: sampleInput({
      facts: HALF_DONE,
      record: { ...BOOTED_BEFORE, bootFirstSeenAt: '2026-03-01T10:20:00.000Z' },
      work: { ...OPEN_VISIT, visit: { ...OPEN_VISIT.visit, doneAt: '2026-03-01T10:50:00.000Z' } },
      presence: 'silent',
    }),
    state: 'failed_boot',
    findings: ['MAYBE_FAILED_BOOT', 'VISIT_OVERDUE', 'HALF_DONE'],
    visit: 'raise',
  },
  {
    name: 'heard of in a boot after the done: no more silent than any other',
    input: sampleInput({
      facts: HALF_DONE,
      record: { ...BOOTED_BEFORE, bootFirstSeenAt: '2026-03-01T10:55:00.000Z' },
      work: { ...OPEN_VISIT, visit: { ...OPEN_VISIT.visit, doneAt: '2026-03-01T10:50:00.000Z' } },
      presence: 'silent',
    }),
    state: 'half_done',
    findings: ['HOST_SILENT', 'HALF_DONE'],
    visit: 'raise',
  },
  {
    name: 'raised, consent gone: raise goes, what leads back stays',
    input: raisedInput({
      facts: ARMED_FACTS,
      intent: { ...RAISE_INTENT, grant: { covers: false, expiresAt: null, reason: 'revoked' } },
    }),
    state: 'raised',
    findings: ['GRANT_MISSING', 'CONSENT_ENDED_STILL_RAISED'],
    steps: ['disarm_kit'],
  },
  {
    name: 'stock wanted since the consent expired, still raised: shown as just that',
    input: raisedInput({
      facts: ARMED_FACTS,
      intent: { ...STOCK_INTENT, ended: { isExpired: true, at: '2026-02-28T00:00:00.000Z' } },
    }),
    state: 'raised',
    findings: ['CONSENT_ENDED_STILL_RAISED'],
    steps: ['disarm_kit', 'clear_boot_args'],
  },
  {
    name: 'stock wanted, raise could not be removed: the way back goes on all the same',
    input: raisedInput({
      facts: { ...CLEARED, visitKit: ARMED_FACTS.visitKit },
      intent: STOCK_INTENT,
      work: {
        ...NO_WORK,
        failure: { kind: 'disarm_kit', code: 'KIT_FOLDER_NOT_OURS', detail: 'x', at: NOW.toISOString(), retryAt: null },
      },
    }),
    state: 'raised',
    findings: ['STILL_RAISED', 'STEP_FAILED_FOR_GOOD'],
    visit: 'revert',
  },
  {
    name: 'stock wanted, never raised',
    input: sampleInput({ intent: STOCK_INTENT }),
    state: 'not_started',
    findings: [],
  },
  {
    name: 'stock wanted, still raised: the stored arguments are put back first',
    input: raisedInput({ intent: STOCK_INTENT }),
    state: 'raised',
    findings: ['STILL_RAISED'],
    steps: ['clear_boot_args'],
  },
  {
    name: 'stock wanted, still raised, guests running: the arguments wait, the visit drains',
    input: raisedInput({ intent: STOCK_INTENT, facts: change(raisedFacts(), { guests: { processesAtMost: 3 } }) }),
    state: 'raised',
    findings: ['STILL_RAISED', 'GUESTS_RUNNING'],
    visit: 'revert',
  },
  {
    name: 'stock wanted, still raised, drained by its visit: the arguments are put back, and the visit stays',
    input: raisedInput({
      intent: STOCK_INTENT,
      work: { ...NO_WORK, visit: { visitId: 'v', kind: 'revert', openedAt: '2026-03-01T11:59:00.000Z' } },
    }),
    state: 'raised',
    findings: ['STILL_RAISED'],
    steps: ['clear_boot_args'],
    visit: 'revert',
  },
  ...(
    [
      ['kernel.config', { kernel: { config: null } }],
      ['boot.sessionId', { boot: { sessionId: null } }],
      ['bootPolicy.customKernel', { bootPolicy: { customKernel: null } }],
      ['bootArgs.inForce', { bootArgs: { inForce: null, storedPresent: false, stored: null } }],
      ['os.baseBuild', { os: { baseBuild: null } }],
    ] as const
  ).map(
    ([path, unread]): Row => ({
      name: `stock wanted, ${path} unread, and other facts tell of a raise: the visit is made`,
      input: raisedInput({ intent: STOCK_INTENT, facts: change(CLEARED, unread) }),
      state: 'unknown',
      findings: path.startsWith('boot.') ? ['STILL_LOWERED'] : ['FACT_UNKNOWN', 'STILL_LOWERED'],
      visit: 'revert',
    }),
  ),
  {
    name: 'stock wanted, still raised, guests unknown: the same',
    input: raisedInput({
      intent: STOCK_INTENT,
      facts: change(raisedFacts(), {
        guests: { processesAtMost: null },
        unknown: { 'guests.processesAtMost': 'ps timed out' },
      }),
    }),
    state: 'raised',
    findings: ['STILL_RAISED', 'READINESS_UNKNOWN'],
    visit: 'revert',
  },
  {
    name: 'stock wanted, arguments refused by nvram: the visit puts them back, too',
    input: raisedInput({
      intent: STOCK_INTENT,
      work: {
        ...NO_WORK,
        failure: {
          kind: 'clear_boot_args',
          code: 'BOOT_ARGS_NOT_WRITTEN',
          detail: 'x',
          at: NOW.toISOString(),
          retryAt: null,
        },
      },
    }),
    state: 'raised',
    findings: ['STILL_RAISED', 'STEP_FAILED_FOR_GOOD'],
    visit: 'revert',
  },
  {
    name: 'stock wanted, arguments put back: a person is needed',
    input: raisedInput({ intent: STOCK_INTENT, facts: CLEARED }),
    state: 'raised',
    findings: ['STILL_RAISED'],
    visit: 'revert',
  },
  {
    name: 'stock wanted, arguments put back and restarted',
    input: raisedInput({ intent: STOCK_INTENT, facts: change(CLEARED, { bootArgs: { inForce: '' } }) }),
    state: 'args_missing',
    findings: ['STILL_LOWERED'],
    visit: 'revert',
  },
  {
    name: 'stock wanted, a visit broken off before the first boot',
    input: sampleInput({
      intent: STOCK_INTENT,
      facts: HALF_DONE,
      record: { ...KIT_RECORD, visitOpenedAt: VISIT_OPENED_AT },
    }),
    state: 'half_done',
    findings: ['STILL_LOWERED'],
    visit: 'revert',
  },
  {
    name: 'stock wanted, lowered by somebody else: not ours to take back',
    input: sampleInput({ intent: STOCK_INTENT, facts: HALF_DONE }),
    state: 'not_started',
    findings: [],
  },
  {
    name: 'stock wanted, our object installed and not booted',
    input: sampleInput({ intent: STOCK_INTENT, facts: { ...INSTALLED, receipt: RECEIPT }, record: KIT_RECORD }),
    state: 'object_not_booted',
    findings: ['STILL_LOWERED'],
    visit: 'revert',
  },
  {
    name: 'stock wanted, which kernel runs cannot be proven: taken back all the same',
    input: raisedInput({
      intent: STOCK_INTENT,
      facts: change(CLEARED, { kernel: { filesetUuid: null }, unknown: { 'kernel.filesetUuid': 'no such sysctl' } }),
    }),
    state: 'not_provable',
    findings: ['STILL_LOWERED'],
    visit: 'revert',
  },
  {
    name: 'stock wanted, back to stock: what Headroom put there goes',
    input: raisedInput({ intent: STOCK_INTENT, facts: REVERTED }),
    state: 'reverted',
    findings: [],
    steps: ['remove_kit', 'remove_kc', 'remove_kdk'],
  },
  {
    name: 'stock wanted, back to stock: a KDK that somebody else installed stays',
    input: raisedInput({ intent: STOCK_INTENT, facts: kitPlacedFacts() }),
    state: 'reverted',
    findings: [],
    steps: ['remove_kit', 'remove_kc'],
  },
  {
    name: 'stock wanted, back to stock, nothing left',
    input: raisedInput({ intent: STOCK_INTENT, facts: stockFacts() }),
    state: 'reverted',
    findings: [],
  },
  {
    name: 'stock wanted, taken back without Internet',
    input: raisedInput({
      intent: STOCK_INTENT,
      facts: change(stockFacts(), { bootPolicy: { securityMode: 'reduced' } }),
    }),
    state: 'reverted',
    findings: ['REVERTED_STILL_REDUCED'],
  },
  {
    name: 'stock wanted, back to stock with the quota asleep in nvram',
    input: raisedInput({
      intent: STOCK_INTENT,
      facts: change(stockFacts(), { bootArgs: { storedPresent: true, stored: ARGS } }),
    }),
    state: 'reverted',
    findings: ['QUOTA_STILL_STORED'],
  },
  {
    name: 'stock wanted, SIP unknown: not proven, so nothing is removed',
    input: raisedInput({
      intent: STOCK_INTENT,
      facts: change(REVERTED, { sip: { status: null }, unknown: { 'sip.status': 'csrutil timed out' } }),
    }),
    state: 'unknown',
    findings: ['FACT_UNKNOWN'],
  },
  {
    name: 'stock wanted, never raised, prepared for a visit',
    input: sampleInput({ intent: STOCK_INTENT, facts: kitPlacedFacts(), record: KIT_RECORD }),
    state: 'not_started',
    findings: [],
    steps: ['remove_kit', 'remove_kc'],
  },
  {
    name: 'nobody has assigned anything: nothing is taken back',
    input: raisedInput({ intent: { ...STOCK_INTENT, number: 0 } }),
    state: 'raised',
    findings: ['STILL_RAISED'],
  },
  {
    name: 'stock wanted, kernel is stock and policy still lowered',
    input: raisedInput({ intent: STOCK_INTENT, facts: HALF_DONE }),
    state: 'half_done',
    findings: ['STILL_LOWERED'],
    visit: 'revert',
  },
  {
    name: 'ready, and nobody gets to the Mac: no visit is made',
    input: sampleInput({ facts: kitPlacedFacts(), record: KIT_RECORD, placeType: 'no_hands' }),
    state: 'ready_for_visit',
    findings: ['NO_HANDS'],
  },
  {
    name: 'ready, with remote hands',
    input: sampleInput({ facts: kitPlacedFacts(), record: KIT_RECORD, placeType: 'remote_hands' }),
    state: 'ready_for_visit',
    visit: 'raise',
  },
  {
    name: 'stock wanted, and nobody gets to the Mac',
    input: raisedInput({ intent: STOCK_INTENT, facts: HALF_DONE, placeType: 'no_hands' }),
    state: 'half_done',
    findings: ['STILL_LOWERED', 'NO_HANDS'],
  },
  {
    name: 'stock wanted, silent since the revert visit was opened: the visit stays',
    input: raisedInput({
      intent: STOCK_INTENT,
      facts: CLEARED,
      presence: 'silent',
      work: { ...NO_WORK, visit: { visitId: 'v', kind: 'revert', openedAt: '2026-03-01T11:30:00.000Z' } },
    }),
    state: 'failed_boot',
    findings: ['MAYBE_FAILED_BOOT', 'VISIT_OVERDUE', 'STILL_LOWERED'],
    visit: 'revert',
  },
];

describe('evaluate: states', () => {
  it.each(ROWS)('$name -> $state', ({ input, state, findings = [], steps, visit }) => {
    const evaluation = evaluate(input);
    expect({
      state: evaluation.state,
      findings: evaluation.findings.map(({ code }) => code).sort(),
      steps: evaluation.steps?.map(({ kind }) => kind) ?? null,
      visit: evaluation.visit?.kind ?? null,
    }).toEqual({ state, findings: [...findings].sort(), steps: steps ?? null, visit: visit ?? null });
  });

  it('reaches every state that the type names', () => {
    const reached = new Set([...ROWS, ...BROKEN].map(({ state }) => state));
    expect(HOST_STATES.filter((state) => !reached.has(state))).toEqual([]);
  });
});

interface Broken {
  readonly piece: EvidenceId;
  readonly name: string;
  readonly facts?: Facts;
  readonly record?: Partial<HostRecord>;
  readonly state: HostState;
  readonly finding: FindingCode;
  /** What the next step must say. */
  readonly says: RegExp;
}

const raisedBut = (changes: Parameters<typeof change>[1]) => change(raisedFacts(), changes);

/** Each piece of evidence, wrong and unknown, one at a time on a Mac that is otherwise raised. */
const BROKEN: readonly Broken[] = [
  {
    piece: 'fileset_uuid',
    name: 'another',
    facts: raisedBut({ kernel: { filesetUuid: OTHER_UUID } }),
    state: 'foreign_kernel',
    finding: 'FOREIGN_KERNEL',
    says: /raise visit/,
  },
  {
    piece: 'fileset_uuid',
    name: 'unknown',
    facts: raisedBut({ kernel: { filesetUuid: null } }),
    state: 'not_provable',
    finding: 'NOT_PROVABLE',
    says: /sysctl kern\.filesetuuid/,
  },
  {
    piece: 'development_kernel',
    name: 'release',
    facts: raisedBut({ kernel: { config: 'release' } }),
    state: 'drifted',
    finding: 'DRIFTED',
    says: /raise visit/,
  },
  {
    piece: 'development_kernel',
    name: 'unknown',
    facts: raisedBut({ kernel: { config: null } }),
    state: 'unknown',
    finding: 'FACT_UNKNOWN',
    says: /kernel\.config/,
  },
  {
    piece: 'quota_in_force',
    name: 'missing, stored',
    facts: raisedBut({ bootArgs: { inForce: 'hypervisor=0x1' } }),
    state: 'reboot_due',
    finding: 'QUOTA_NOT_IN_FORCE',
    says: /Restart .*hv_apple_isa_vm_quota=0xFF/,
  },
  {
    piece: 'quota_in_force',
    name: 'missing, not stored',
    facts: raisedBut({ bootArgs: { inForce: 'hypervisor=0x1', stored: '' } }),
    state: 'args_missing',
    finding: 'QUOTA_NOT_IN_FORCE',
    says: /hv_apple_isa_vm_quota=0xFF/,
  },
  {
    piece: 'quota_in_force',
    name: 'other value',
    facts: raisedBut({ bootArgs: { inForce: 'hypervisor=0x1 hv_apple_isa_vm_quota=0x8' } }),
    state: 'raised_other_value',
    finding: 'QUOTA_OTHER_VALUE',
    says: /hv_apple_isa_vm_quota=0xFF/,
  },
  {
    piece: 'quota_in_force',
    name: 'unknown',
    facts: raisedBut({ bootArgs: { inForce: null } }),
    state: 'unknown',
    finding: 'FACT_UNKNOWN',
    says: /bootArgs\.inForce/,
  },
  {
    piece: 'hypervisor_in_force',
    name: 'missing, stored',
    facts: raisedBut({ bootArgs: { inForce: 'hv_apple_isa_vm_quota=0xFF' } }),
    state: 'reboot_due',
    finding: 'HYPERVISOR_NOT_IN_FORCE',
    says: /hypervisor=0x1/,
  },
  {
    piece: 'custom_kernel_in_policy',
    name: 'absent',
    facts: raisedBut({ bootPolicy: { customKernel: 'absent' } }),
    state: 'drifted',
    finding: 'CUSTOM_KERNEL_GONE',
    says: /raise visit/,
  },
  {
    piece: 'custom_kernel_in_policy',
    name: 'unknown',
    facts: raisedBut({ bootPolicy: { customKernel: null } }),
    state: 'unknown',
    finding: 'FACT_UNKNOWN',
    says: /bootPolicy\.customKernel/,
  },
  {
    piece: 'filtering_off',
    name: 'on',
    facts: raisedBut({ bootPolicy: { bootArgsFiltering: true } }),
    state: 'args_filtered',
    finding: 'ARGS_FILTERED',
    says: /SIP/,
  },
  {
    piece: 'filtering_off',
    name: 'unknown',
    facts: raisedBut({ bootPolicy: { bootArgsFiltering: null } }),
    state: 'unknown',
    finding: 'FACT_UNKNOWN',
    says: /bootArgsFiltering/,
  },
  {
    piece: 'build_agrees',
    name: 'newer system',
    facts: raisedBut({ os: { baseBuild: '23G80' } }),
    state: 'old_kernel_new_system',
    finding: 'OLD_KERNEL_NEW_SYSTEM',
    says: /23G80/,
  },
  {
    piece: 'build_agrees',
    name: 'unknown',
    facts: raisedBut({ os: { baseBuild: null } }),
    state: 'unknown',
    finding: 'FACT_UNKNOWN',
    says: /os\.baseBuild/,
  },
  {
    piece: 'boot_after_visit',
    name: 'boot before the visit',
    record: { bootFirstSeenAt: '2026-03-01T09:00:00.000Z' },
    state: 'reboot_due',
    finding: 'BOOT_BEFORE_VISIT',
    says: /Restart/,
  },
  {
    piece: 'boot_after_visit',
    name: 'no visit was ever opened',
    record: { visitOpenedAt: null },
    state: 'reboot_due',
    finding: 'BOOT_BEFORE_VISIT',
    says: /Restart/,
  },
  {
    piece: 'boot_after_visit',
    name: 'unknown boot',
    record: { bootFirstSeenAt: null },
    state: 'unknown',
    finding: 'FACT_UNKNOWN',
    says: /boot\.sessionId/,
  },
  {
    piece: 'boot_after_visit',
    name: 'boot session cannot be read any more',
    facts: raisedBut({ boot: { sessionId: null } }),
    state: 'unknown',
    finding: 'FACT_UNKNOWN',
    says: /boot\.sessionId/,
  },
];

describe('evaluate: one piece of evidence broken at a time on a raised Mac', () => {
  it.each(BROKEN)('$piece: $name -> $state, $finding', ({ piece, facts, record, state, finding, says }) => {
    const input = raisedInput({ facts: facts ?? raisedFacts(), record: { ...RAISED_RECORD, ...record } });
    const evaluation = evaluate(input);
    expect(evaluation.state).toBe(state);
    expect(evaluation.evidence.find(({ id }) => id === piece)?.holds).not.toBe(true);
    const found = evaluation.findings.find(({ code }) => code === finding);
    expect(found?.nextStep).toMatch(says);
    expect(evaluation.findings.filter(({ severity }) => severity !== 'note').map(({ code }) => code)).toContain(
      finding,
    );
  });

  it('breaks every piece at least once', () => {
    expect(new Set(BROKEN.map(({ piece }) => piece))).toEqual(
      new Set(evaluate(raisedInput()).evidence.map(({ id }) => id)),
    );
  });
});

describe('evaluate: steps', () => {
  it('names KDK, bundles to drop, quota, arguments and the id of the visit exactly', () => {
    expect(evaluate(sampleInput()).steps).toEqual([
      { kind: 'install_kdk', kdk: KDK, variant: 'T6020' },
      { kind: 'build_kc', build: BUILD, variant: 'T6020', dropBundles: CATALOGUE.dropBundles[BUILD] },
      { kind: 'place_kit', visitId: NEW_VISIT_ID, quota: QUOTA, bootArgs: ARGS, build: BUILD, variant: 'T6020' },
    ]);
  });

  it('keeps stored words that the exception names', () => {
    const facts = change(kcStagedFacts(), { bootArgs: { storedPresent: true, stored: 'serverperfmode=1' } });
    const intent = { ...RAISE_INTENT, grant: { ...RAISE_INTENT.grant, extraArgs: ['serverperfmode=1'] } };
    expect(evaluate(sampleInput({ facts, record: KC_RECORD, intent })).steps).toMatchObject([
      { kind: 'place_kit', bootArgs: `${ARGS} serverperfmode=1` },
    ]);
  });

  it.each([
    ['serverperfmode=1', 'BOOT_ARGS_FOREIGN'],
    ['debug=0x144', 'BOOT_ARGS_FORBIDDEN'],
  ])('does not place a kit over %s', (stored, code) => {
    const facts = change(kcStagedFacts(), { bootArgs: { storedPresent: true, stored } });
    const { steps, findings } = evaluate(sampleInput({ facts, record: KC_RECORD }));
    expect(steps).toBeNull();
    expect(findings[0]).toMatchObject({ code, severity: 'blocker', nextStep: expect.stringContaining(stored) });
  });

  it('waits while a plan is open, and says for what', () => {
    const steps = evaluate(sampleInput()).steps ?? [];
    const work = { ...NO_WORK, plan: { generation: 1, steps, nextStep: 1 } };
    expect(evaluate(sampleInput({ work }))).toMatchObject({
      steps: null,
      waitsFor: 'The agent: build the kernel collection, place the visit kit.',
    });
  });
});

describe('evaluate: a failed step', () => {
  const failure = {
    kind: 'build_kc',
    code: 'KC_LINKING',
    detail: 'com.apple.driver.X exports nothing',
    at: NOW.toISOString(),
    retryAt: '2026-03-01T12:01:00.000Z',
  };
  const evaluateAt = (at: string, retryAt: string | null) =>
    evaluate(sampleInput({ now: new Date(at), work: { ...NO_WORK, failure: { ...failure, retryAt } } }));

  it('holds the plan back until its next try, and is looked at again then', () => {
    const held = evaluateAt('2026-03-01T12:00:30.000Z', failure.retryAt);
    expect(held.steps).toBeNull();
    expect(held.reviewAt?.toISOString()).toBe(failure.retryAt);
    expect(held.findings).toMatchObject([{ code: 'STEP_FAILED', nextStep: expect.stringContaining('drop list') }]);
    expect(evaluateAt(failure.retryAt, failure.retryAt).steps).not.toBeNull();
  });

  it('is a blocker when it is not tried again by itself', () => {
    const held = evaluateAt('2027-01-01T00:00:00.000Z', null);
    expect(held.steps).toBeNull();
    expect(held.findings.map(({ code }) => code)).toContain('STEP_FAILED_FOR_GOOD');
  });

  it('is forgotten once the step is not due any more', () => {
    const work = { ...NO_WORK, failure };
    const { findings, visit } = evaluate(sampleInput({ facts: kitPlacedFacts(), record: KIT_RECORD, work }));
    expect({ findings, visit: visit?.kind }).toEqual({ findings: [], visit: 'raise' });
  });
});

describe('evaluate: before a visit', () => {
  const visitWith = (changes: Parameters<typeof change>[1]) =>
    evaluate(sampleInput({ facts: change(kitPlacedFacts(), changes), record: KIT_RECORD }));

  it.each<[FindingCode, Parameters<typeof change>[1]]>([
    ['NOT_STARTUP_DEFAULT', { volumes: { startupDefault: false } }],
    ['NO_VOLUME_OWNER', { volumes: { owners: [] } }],
    ['RECOVERY_LIST_STALE', { volumes: { recoveryAdmins: [{ user: 'old', uuid: 'B1' }] } }],
    ['KIT_FOLDER_FOREIGN', { kitFolder: 'foreign', kitFolderSeen: 'a link' }],
    ['AUXILIARY_KEXTS', { auxiliaryKexts: ['com.example.kext'] }],
    ['BOOT_ARGS_FORBIDDEN', { bootArgs: { storedPresent: true, stored: 'amfi_get_out_of_my_way=1' } }],
  ])('%s keeps the visit back', (code, changes) => {
    const { visit, findings } = visitWith(changes);
    expect(visit).toBeNull();
    expect(findings[0]).toMatchObject({ code, severity: 'blocker' });
  });

  it.each<[FindingCode, Parameters<typeof change>[1]]>([
    ['DISK_TOO_SMALL', { disk: { freeBytes: 1_000_000_000 } }],
    ['UPDATES_INSTALL_THEMSELVES', { update: { autoInstall: true } }],
    ['READINESS_UNKNOWN', { volumes: { startupDefault: null } }],
    ['READINESS_UNKNOWN', { volumes: { recoveryAdmins: null } }],
    ['READINESS_UNKNOWN', { volumes: { otherSystems: null } }],
    ['READINESS_UNKNOWN', { update: { pending: null } }],
    ['READINESS_UNKNOWN', { guests: { processesAtMost: null } }],
    ['OTHER_SYSTEMS', { volumes: { otherSystems: [{ name: 'Test', systemUuid: 'B2' }] } }],
    ['AUXILIARY_KEXTS_ALLOWED', { bootPolicy: { auxiliaryKexts: true } }],
    ['FILEVAULT_CHANGING', { fileVault: 'encrypting' }],
    ['FILEVAULT_ON', { fileVault: 'on' }],
    ['GUESTS_RUNNING', { guests: { processesAtMost: 2 } }],
  ])('%s is said and keeps nothing back', (code, changes) => {
    const { visit, findings } = visitWith(changes);
    expect(visit?.kind).toBe('raise');
    expect(findings.map((finding) => finding.code)).toEqual([code]);
  });

  it('says that the kit looks again only where it does', () => {
    const nextStep = (changes: Parameters<typeof change>[1]) => visitWith(changes).findings[0]?.nextStep;
    expect(nextStep({ volumes: { startupDefault: null } })).toMatch(/The kit checks again/);
    for (const unread of [
      { volumes: { owners: null } },
      { volumes: { recoveryAdmins: null } },
      { volumes: { otherSystems: null } },
      { auxiliaryKexts: null },
      { fileVault: null },
      { disk: { freeBytes: null } },
      { update: { pending: null } },
      { guests: { processesAtMost: null } },
    ])
      expect(nextStep(unread)).toMatch(/could not be read\. (?!.*kit checks)/);
  });
});

describe('evaluate: a kernel that does not start without an argument', () => {
  const WORD = '-unsafe_kernel_text';
  const LINE = `${ARGS} ${WORD}`;
  const kc = { ...KC, variant: 'T6000' };
  const kit = { ...KIT, bootArgs: LINE, neededArgs: [WORD] };
  const onT6000 = (facts: Facts, changes: Partial<EvaluateInput> = {}) =>
    evaluate(
      sampleInput({
        facts: change(facts, { kernel: { variant: 'T6000' } }),
        intent: { ...RAISE_INTENT, extraArgs: [WORD], grant: { ...RAISE_INTENT.grant, extraArgs: [WORD] } },
        record: { ...KIT_RECORD, kc, kit },
        ...changes,
      }),
    );

  it('keeps kit and visit back until the policy asks for it', () => {
    const { steps, visit, findings } = onT6000(kitPlacedFacts(), { intent: RAISE_INTENT });
    expect(findings).toMatchObject([{ code: 'KERNEL_NEEDS_ARGUMENT', severity: 'blocker', expected: WORD }]);
    expect({ steps, visit }).toEqual({ steps: null, visit: null });
  });

  it('is told to the kit, and a kit that does not know it is placed anew', () => {
    expect(onT6000(kitPlacedFacts())).toMatchObject({ visit: { kind: 'raise' }, findings: [] });
    const record = { ...KIT_RECORD, kc, kit: { ...KIT, bootArgs: LINE } };
    expect(onT6000(kitPlacedFacts(), { record }).steps).toMatchObject([
      { kind: 'place_kit', variant: 'T6000', bootArgs: LINE, neededArgs: [WORD] },
    ]);
  });

  it.each([
    ['T6000', '24F74'],
    ['T6020', BUILD],
  ])('is no matter of %s with %s', (variant, build) => {
    expect(neededArgs({ variant, build })).toEqual([]);
  });

  it('stores it in macOS while SIP is off, before anybody comes back', () => {
    const broken = onT6000(HALF_DONE);
    expect(broken).toMatchObject({ state: 'half_done', visit: null });
    expect(broken.steps).toEqual([{ kind: 'set_boot_args', quota: QUOTA, bootArgs: LINE }]);
    const stored = change(HALF_DONE, { bootArgs: { storedPresent: true, stored: LINE } });
    expect(onT6000(stored)).toMatchObject({ state: 'half_done', steps: null, visit: { kind: 'raise' } });
  });

  it('keeps the visit that is under way meanwhile, and nothing is stored without consent', () => {
    const visit = { visitId: KIT.visitId, kind: 'raise', openedAt: VISIT_OPENED_AT } as const;
    expect(onT6000(HALF_DONE, { work: { ...NO_WORK, visit } })).toMatchObject({
      steps: [{ kind: 'set_boot_args' }],
      visit: { kind: 'raise' },
    });
    const intent = { ...RAISE_INTENT, extraArgs: [WORD], grant: { covers: false, expiresAt: null, reason: 'none' } };
    expect(onT6000(HALF_DONE, { intent }).steps ?? []).not.toContainEqual(
      expect.objectContaining({ kind: 'set_boot_args' }),
    );
  });
});

describe('evaluate: time', () => {
  it.each([
    ['2026-04-01T00:00:00.000Z', '2026-05-02T00:00:00.000Z', null],
    ['2026-05-03T00:00:00.000Z', '2026-05-25T00:00:00.000Z', '30'],
    ['2026-05-26T00:00:00.000Z', '2026-05-31T00:00:00.000Z', '7'],
    ['2026-05-31T12:00:00.000Z', GRANT_ENDS_AT, '1'],
    ['2026-06-02T00:00:00.000Z', null, null],
  ])('at %s it is looked at again at %s', (now, reviewAt, days) => {
    const evaluation = evaluate(raisedInput({ now: new Date(now) }));
    expect(evaluation.reviewAt?.toISOString() ?? null).toBe(reviewAt);
    const soon = evaluation.findings.find(({ code }) => code === 'GRANT_EXPIRES_SOON');
    expect(soon === undefined ? null : /within (\d+) day/.exec(soon.title)?.[1]).toBe(days);
  });

  it.each([
    [{ covers: false, expiresAt: '2026-02-28T00:00:00.000Z', reason: null }, 'Expired, still raised.'],
    [{ covers: false, expiresAt: GRANT_ENDS_AT, reason: 'The exception was revoked.' }, 'Consent gone, still raised.'],
    [RAISE_INTENT.grant, null],
  ])('says of a raised Mac when its consent has ended (%#)', (grant, expected) => {
    expect(evaluate(raisedInput({ intent: { ...RAISE_INTENT, grant } })).waitsFor).toBe(expected);
  });
});
