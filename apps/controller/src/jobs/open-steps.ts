/** What the open jobs of a host are about, read from the plans' own bytes. */
import { Database } from '../db/database.ts';
import { OPEN_STATES } from './job-life.ts';

interface StepRow {
  readonly stepIndex: number;
  readonly bytes: Buffer;
}

const OPEN_STEPS = `
  SELECT j.step_index AS "stepIndex", p.bytes FROM job j JOIN plan p ON p.id = j.plan_id
  WHERE j.host_id = $1 AND j.state = ANY($2)`;

export class OpenSteps {
  constructor(private readonly database: Database) {}

  /** Is an open job of this host the installation of the KDK image with this sha256? */
  async namesKdk(hostId: string, sha256: string): Promise<boolean> {
    const { rows } = await this.database.pool.query<StepRow>(OPEN_STEPS, [hostId, OPEN_STATES]);
    return rows.some(({ bytes, stepIndex }) => {
      const plan = JSON.parse(bytes.toString('utf8')) as { steps?: { kind?: string; kdk?: { sha256?: string } }[] };
      const step = plan.steps?.[stepIndex];
      return step?.kind === 'install_kdk' && step.kdk?.sha256 === sha256;
    });
  }
}
