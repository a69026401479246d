/**
 * Property: nothing is lowered without a grant for this Mac, this quota and these arguments, in time; also when somebody else
 * writes the database, and also offline. The agent decides that by itself, from its pinned key.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GrantPayload, Plan, PlanStep, SignedGrant } from '@headroom/core';
import { loadState } from '@headroom/mac-sim';
import type { FleetMember } from '@headroom/quickstart';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Attacker, type Forgery, type Honest } from './support/attacker.ts';
import { CHOICES, QUOTA, ROOT, TestFleet } from './support/fleet.ts';
import { pause, until } from './support/until.ts';

let fleet: TestFleet;
let attacker: Attacker;
let victim: FleetMember;
let other: FleetMember;
let honest: Honest;
let othersGrant: SignedGrant;

beforeAll(async () => {
  fleet = await TestFleet.start([CHOICES.sonoma, CHOICES.sequoia]);
  attacker = new Attacker(fleet);
  [victim, other] = [fleet.member(0), fleet.member(1)];
  for (const member of [victim, other]) await wantQuota(member);
  for (const member of [victim, other])
    await fleet.hostUntil(member, 'ready for a visit', ({ state }) => state === 'ready_for_visit', 120_000);
  honest = await attacker.readHonest(victim);
  othersGrant = grantOf((await attacker.readHonest(other)).plan);
  // Everything for a kit is there but the kit: only the gate stands between a forged plan and the files.
  await victim.mac.stop();
  rmSync(kitFolder(), { recursive: true });
}, 200_000);
afterAll(() => fleet?.stop(), 60_000);

describe('the database is written by an attacker', () => {
  const ATTACKS: readonly (readonly [what: string, code: string, forge: () => Forgery])[] = [
    ['no grant', 'GRANT_MISSING', () => ({ plan: { ...honest.plan, grant: null } })],
    ['a higher quota than granted', 'GRANT_QUOTA_EXCEEDED', () => lowering({ quota: 4096, bootArgs: line(4096) })],
    ['a quota that the line does not say', 'BOOT_ARGS_NOT_ALLOWED', () => lowering({ quota: 16 })],
    ['a line that the quota does not say', 'BOOT_ARGS_NOT_ALLOWED', () => lowering({ bootArgs: line(4096) })],
    ['an argument that is not granted', 'GRANT_ARGS_EXCEEDED', () => lowering({ bootArgs: `-v ${line(QUOTA)}` })],
    [
      'an argument that is forbidden, under a grant that names it',
      'GRANT_ARGS_EXCEEDED',
      () => {
        const word = 'amfi_get_out_of_my_way=1';
        const grant = attacker.misuse(grantOf(honest.plan), { extraArgs: [word] });
        return lowering({ bootArgs: `${word} ${line(QUOTA)}` }, { grant });
      },
    ],
    [
      'the plan of another Mac',
      'PLAN_OTHER_HOST',
      () => ({ plan: { ...honest.plan, hostUuid: other.mac.hardwareUuid } }),
    ],
    ['the host id of another Mac', 'PLAN_OTHER_HOST', () => ({ plan: { ...honest.plan, hostId: other.hostId } })],
    ['the grant of another Mac', 'GRANT_OTHER_HOST', () => lowering({}, { grant: othersGrant })],
    ['another fleet', 'GRANT_OTHER_FLEET', () => granted('misuse', { fleetId: 'another-fleet' })],
    [
      'a grant that has expired',
      'GRANT_EXPIRED',
      () => granted('misuse', { expiresAt: new Date(Date.now() - 1000).toISOString() }),
    ],
    ['a grant for real Macs', 'GRANT_SIMULATION_MISMATCH', () => granted('misuse', { simulation: false })],
    ['a grant signed by another key', 'GRANT_SIGNATURE_WRONG', () => granted('forge', {})],
    [
      'a grant signed by another key, under its own name',
      'GRANT_SIGNATURE_WRONG',
      () => lowering({}, { grant: { ...attacker.forge(grantOf(honest.plan), {}), keyId: 'another-key' } }),
    ],
    [
      'a grant changed after it was signed',
      'GRANT_SIGNATURE_WRONG',
      () => {
        const { payload, ...rest } = grantOf(honest.plan);
        const wider = payload.replace(`"quotaMax":${QUOTA}`, '"quotaMax":4096');
        expect(wider).not.toBe(payload);
        return lowering({ quota: 4096, bootArgs: line(4096) }, { grant: { ...rest, payload: wider } });
      },
    ],
    ['a job whose step the plan does not have', 'PLAN_UNREADABLE', () => ({ plan: honest.plan, stepIndex: 40 })],
    ['a step that leaves its folder', 'PLAN_UNREADABLE', () => lowering({ build: '../../../etc' })],
  ];

  it.each(ATTACKS)('%s: %s', async (_what, code, forge) => {
    const before = nvram();
    await attacker.write(honest, forge());
    await victim.mac.start();
    const end = await endOfJob();
    expect(end).toMatchObject({ state: 'refused', code });
    expect(end.detail).not.toBe('');
    await fleet.hostUntil(victim, `a finding that names ${code}`, ({ findings }) =>
      findings.some(({ code: named, seen, detail, nextStep }) => {
        return /^STEP_FAILED/.test(named) && seen === code && detail === end.detail && nextStep !== '';
      }),
    );
    expect(placed()).toEqual([]);
    expect(nvram()).toBe(before);
  });

  it('the same rows without a change are followed: nothing but the gate kept the kit away', async () => {
    await attacker.write(honest, { plan: honest.plan });
    expect(await endOfJob()).toMatchObject({ state: 'succeeded' });
    expect(placed()).toEqual(expect.arrayContaining(['KernelCollection.kc', 'manifest', 'raise']));
  });
});

describe('rows that lead around the kit', () => {
  it('boot arguments are not stored without a grant', async () => {
    const before = nvram();
    const step: PlanStep = { kind: 'set_boot_args', quota: QUOTA, bootArgs: line(QUOTA) };
    const forged = { ...honest.plan, grant: null, steps: [step] };
    await attacker.write(honest, { plan: forged, kind: 'set_boot_args', stepIndex: 0 });
    expect(await endOfJob()).toMatchObject({ state: 'refused', code: 'GRANT_MISSING' });
    expect(nvram()).toBe(before);
  });

  it('a job of a kind that this agent lacks is never handed out', async () => {
    const before = nvram();
    const newer = await newerHonestPlan(honest);
    const steps = [{ kind: 'run_this', command: 'nvram boot-args=' }];
    await attacker.write(newer, { plan: { ...newer.plan, steps }, kind: 'run_this', stepIndex: 0 });
    // The evaluator may have looked just before, and nothing that the Mac does makes it look again.
    await fleet.sql('UPDATE host_state SET due_at = now() WHERE host_id = $1', [victim.hostId]);
    expect(await endOfJob(newer)).toMatchObject({ state: 'cancelled' });
    expect(nvram()).toBe(before);
    await newerHonestPlan(newer);
  });

  it('an older plan that was once right is declined, although its grant holds', async () => {
    const before = manifest();
    // As if the newer plans had never been: the agent alone remembers them.
    const { generation } = honest.plan;
    const newer = 'SELECT id FROM plan WHERE host_id = $1 AND generation > $2';
    await fleet.sql(`DELETE FROM job WHERE plan_id IN (${newer})`, [victim.hostId, generation]);
    await fleet.sql('DELETE FROM plan WHERE host_id = $1 AND generation > $2', [victim.hostId, generation]);
    await attacker.write(honest, { plan: honest.plan });
    expect(await endOfJob()).toMatchObject({ state: 'refused', code: 'PLAN_OLD_GENERATION' });
    expect(before).not.toContain(`visit=${honestStep().visitId}`);
    expect(manifest()).toBe(before);
  });

  const INTENTS: readonly (readonly [what: string, sql: string, reason: RegExp])[] = [
    ['a higher quota in the intent', 'UPDATE intent SET quota = 4096 WHERE host_id = $1', /GRANT_QUOTA_EXCEEDED/],
    [
      'a higher quota in intent and grant',
      `WITH wider AS (UPDATE "grant" SET payload = replace(payload, '"quotaMax":${QUOTA}', '"quotaMax":4096')
         WHERE id = (SELECT grant_id FROM intent WHERE host_id = $1))
       UPDATE intent SET quota = 4096 WHERE host_id = $1`,
      /GRANT_SIGNATURE_WRONG/,
    ],
  ];
  it.each(INTENTS)('%s makes the controller itself stop', async (_what, sql, reason) => {
    await fleet.sql(sql, [other.hostId]);
    await fleet.sql('UPDATE host_state SET due_at = now() WHERE host_id = $1', [other.hostId]);
    const host = await fleet.hostUntil(other, 'GRANT_MISSING', ({ findings }) =>
      findings.some(({ code, seen }) => code === 'GRANT_MISSING' && reason.test(seen ?? '')),
    );
    expect(host.visit?.state).toBe('withdrawn');
    // What is still done takes away: a kit that nobody consents to any more is disarmed.
    const open = host.plan?.state === 'open' ? host.plan.steps : [];
    expect(open.map(({ kind }) => kind).filter((kind) => kind !== 'disarm_kit')).toEqual([]);
    const finding = host.findings.find(({ code }) => code === 'GRANT_MISSING');
    expect(finding?.severity).toBe('blocker');
    expect(finding?.nextStep).toMatch(/^Approve an exception that names this Mac, quota 4096 /);
  });
});

describe('offline', () => {
  const TAMPERED: readonly (readonly [what: string, code: string, grant: () => SignedGrant | null])[] = [
    ['no grant', 'GRANT_MISSING', () => null],
    [
      'an expired grant',
      'GRANT_EXPIRED',
      () => attacker.misuse(grantOf(honest.plan), { expiresAt: new Date(Date.now() - 1000).toISOString() }),
    ],
    ['a grant signed by another key', 'GRANT_SIGNATURE_WRONG', () => attacker.forge(grantOf(honest.plan), {})],
    [
      'a grant for real Macs',
      'GRANT_SIMULATION_MISMATCH',
      () => attacker.misuse(grantOf(honest.plan), { simulation: false }),
    ],
  ];

  beforeAll(async () => {
    await victim.mac.stop();
    await fleet.fleet.controller.stop();
  });

  it.each(TAMPERED)('a job that was leased and had begun is not gone on with: %s', async (_what, code, grant) => {
    rmSync(kitFolder(), { recursive: true, force: true });
    const before = nvram();
    const plan = { ...honest.plan, generation: 1000, grant: grant() };
    for (const phase of ['acting', 'acted'] as const) {
      journal(plan, phase);
      const { status, output } = await applyPlan(plan);
      expect(status).toBe(1);
      expect(output).toContain(`place_kit: refused ${code}`);
      expect(placed()).toEqual([]);
      expect(nvram()).toBe(before);
    }
  });

  it('an agent that cannot reach its controller does nothing with what it finds in its journal', async () => {
    rmSync(kitFolder(), { recursive: true, force: true });
    const expired = attacker.misuse(grantOf(honest.plan), { expiresAt: new Date(Date.now() - 1000).toISOString() });
    journal({ ...honest.plan, grant: expired }, 'acting', honest.jobRow);
    await victim.mac.start();
    await pause(4_000);
    expect(placed()).toEqual([]);
    await victim.mac.stop();
  });

  it('the same plan with its own grant is followed: nothing but the gate kept the kit away', async () => {
    rmSync(kitFolder(), { recursive: true, force: true });
    const plan = { ...honest.plan, generation: 1000 };
    const { status, output } = await applyPlan(plan);
    expect(output).toMatch(/place_kit: succeeded/);
    expect(status).toBe(0);
    expect(placed()).toContain('raise');
  });
});

async function wantQuota({ hostId, mac }: FleetMember): Promise<void> {
  const { api } = fleet.fleet;
  const { version } = await api.get<{ version: string }>('/api/v1/licence-clause');
  await api.post('/api/v1/policies', {
    name: `quota of ${mac.name}`,
    quota: QUOTA,
    selector: { hosts: [hostId] },
    exception: { purpose: 'CI guests', reason: 'test', acceptClause: version, confirmHighQuota: true },
    apply: true,
  });
}

function kitFolder(): string {
  return join(victim.mac.dir, 'Library/Headroom');
}

function manifest(): string {
  return readFileSync(join(kitFolder(), 'manifest'), 'utf8');
}

/** Files of the visit kit on the victim. */
function placed(): readonly string[] {
  return existsSync(kitFolder()) ? readdirSync(kitFolder()).sort() : [];
}

function nvram(): string {
  return JSON.stringify(loadState(victim.mac.dir).nvram);
}

function grantOf({ grant }: Plan): SignedGrant {
  if (grant === null) throw new Error('the plan has no grant');
  return grant;
}

function line(quota: number): string {
  return honestStep().bootArgs.replace(
    /hv_apple_isa_vm_quota=\S+/,
    `hv_apple_isa_vm_quota=0x${quota.toString(16).toUpperCase()}`,
  );
}

type PlaceKit = Extract<PlanStep, { readonly kind: 'place_kit' }>;

function honestStep(): PlaceKit {
  const step = honest.plan.steps.find(({ kind }) => kind === 'place_kit');
  if (step?.kind !== 'place_kit') throw new Error('the plan places no kit');
  return step;
}

function lowering(step: Partial<PlaceKit>, plan: Partial<Plan> = {}): Forgery {
  const steps = honest.plan.steps.map((one) => (one.kind === 'place_kit' ? { ...one, ...step } : one));
  return { plan: { ...honest.plan, ...plan, steps } };
}

function granted(how: 'forge' | 'misuse', changes: Partial<GrantPayload>): Forgery {
  return lowering({}, { grant: attacker[how](grantOf(honest.plan), changes) });
}

function endOfJob({ jobRow } = honest) {
  return until(
    'the job ends',
    async () => {
      const end = await attacker.jobEnd(jobRow);
      return { met: end !== null, value: end ?? { state: '', code: null, detail: null }, seen: 'an open job' };
    },
    30_000,
  );
}

/** The controller plans anew once a step that it still needs is gone; waits for its end. */
async function newerHonestPlan(than: Honest): Promise<Honest> {
  await fleet.hostUntil(victim, 'a newer plan is done', ({ plan }) =>
    plan === null ? false : plan.generation > than.plan.generation && plan.state === 'done',
  );
  return attacker.readHonest(victim);
}

function jobIdOf(plan: Plan): string {
  return `file-${plan.planId}-${plan.steps.findIndex(({ kind }) => kind === 'place_kit')}`;
}

/** What a kill leaves of a job that was leased and had begun. */
function journal(plan: Plan, phase: 'acting' | 'acted', jobId = jobIdOf(plan)): void {
  const folder = join(victim.mac.dir, 'private/var/db/headroom/journal');
  mkdirSync(folder, { recursive: true });
  const stepIndex = plan.steps.findIndex(({ kind }) => kind === 'place_kit');
  const { generation } = plan;
  const job = { jobId, kind: 'place_kit', leaseNumber: 1, generation, stepIndex, planText: JSON.stringify(plan) };
  writeFileSync(join(folder, `${jobId}.json`), JSON.stringify({ job, phase, report: null }));
}

/** The agent's own command on the enrolled Mac: same gate, same pinned key, no controller. */
async function applyPlan(plan: Plan): Promise<{ status: number; output: string }> {
  const file = join(fleet.stateDir, 'plan.json');
  writeFileSync(file, JSON.stringify(plan));
  const kdk = plan.steps.find(({ kind }) => kind === 'install_kdk');
  const image = kdk?.kind === 'install_kdk' ? ['--kdk', join(fleet.stateDir, 'kdks', kdk.kdk.fileName)] : [];
  const args = ['apps/agent/dist/main.js', 'apply-plan', '--sysroot', victim.mac.dir, '--plan', file, ...image];
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: ROOT });
    return { status: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { status: code, output: stdout + stderr };
  }
}
