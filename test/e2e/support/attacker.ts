/** Somebody who can write every row of the database, and has no key of the controller but what a test gives him. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeGrant, type GrantPayload, type Plan, type SignedGrant } from '@headroom/core';
import type { FleetMember } from '@headroom/quickstart';
import type { TestFleet } from './fleet.ts';

/** Plan and job that the controller wrote itself, as a pattern for forged ones. */
export interface Honest {
  readonly plan: Plan;
  readonly planRow: string;
  readonly jobRow: string;
}

export interface Forgery {
  readonly plan: unknown;
  /** Kind in the job's row; the plan's own step decides what would be done. */
  readonly kind?: string;
  readonly stepIndex?: number;
}

export interface JobEnd {
  readonly state: string;
  readonly code: string | null;
  readonly detail: string | null;
}

export class Attacker {
  private readonly ownKey: KeyObject = generateKeyPairSync('ed25519').privateKey;

  constructor(private readonly fleet: TestFleet) {}

  async readHonest({ hostId }: FleetMember): Promise<Honest> {
    const [row] = await this.fleet.sql<{ plan: string; job: string; bytes: Buffer }>(
      `SELECT p.id AS plan, j.id AS job, p.bytes FROM plan p JOIN job j ON j.plan_id = p.id AND j.kind = 'place_kit'
       WHERE p.host_id = $1 ORDER BY p.generation DESC LIMIT 1`,
      [hostId],
    );
    if (row === undefined) throw new Error('the controller has planned no kit yet');
    return { plan: JSON.parse(row.bytes.toString('utf8')) as Plan, planRow: row.plan, jobRow: row.job };
  }

  /** Opens plan and job again with other content, at once. */
  async write(
    { planRow, jobRow, plan: honest }: Honest,
    { plan, kind = 'place_kit', stepIndex }: Forgery,
  ): Promise<void> {
    const index = stepIndex ?? honest.steps.findIndex((step) => step.kind === 'place_kit');
    await this.fleet.sql(
      `WITH forged AS (UPDATE plan SET bytes = $2, state = 'open', ended_at = NULL WHERE id = $1)
       UPDATE job SET state = 'queued', kind = $4, step_index = $5, attempts = 0, not_before = NULL, result = NULL,
         lease_session = NULL, lease_expires_at = NULL, error_code = NULL, error_detail = NULL, finished_at = NULL
       WHERE id = $3`,
      [planRow, Buffer.from(JSON.stringify(plan)), jobRow, kind, index],
    );
  }

  async jobEnd(jobRow: string): Promise<JobEnd | null> {
    const [row] = await this.fleet.sql<{ state: string; code: string | null; detail: string | null }>(
      `SELECT state, error_code AS code, error_detail AS detail FROM job WHERE id = $1 AND finished_at IS NOT NULL`,
      [jobRow],
    );
    return row ?? null;
  }

  /** Signed with a key of his own, under the name of the right one. */
  forge(grant: SignedGrant, changes: Partial<GrantPayload>): SignedGrant {
    return signed(grant, changes, this.ownKey);
  }

  /** Signed with the controller's key file, which no database holds: what it could have signed for somebody else, or earlier. */
  misuse(grant: SignedGrant, changes: Partial<GrantPayload>): SignedGrant {
    return signed(
      grant,
      changes,
      createPrivateKey(readFileSync(join(this.fleet.stateDir, 'controller/keys/grant-key.pem'))),
    );
  }
}

function signed({ payload, keyId }: SignedGrant, changes: Partial<GrantPayload>, key: KeyObject): SignedGrant {
  const text = encodeGrant({ ...(JSON.parse(payload) as GrantPayload), ...changes });
  return { payload: text, signature: sign(null, Buffer.from(text), key).toString('base64'), keyId };
}
