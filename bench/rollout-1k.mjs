// One policy change for a thousand Macs: synthetic agents over gRPC with mutual TLS, one controller process with embedded Postgres.
// First a rollout in 5 rings to its end, a ring succeeding by Macs that are raised (so people open the visits and Macs boot), with
// 3 % of the Macs failing for good. Then another quota for all at once, until the last Mac holds its job. Both also for a tenth
// of the Macs on a controller of their own: what one Mac costs the server must not grow with their number.
import { openFleetBed } from './lib/fleet-bed.mjs';

export const summary =
  'synthetic Macs through a rollout in 5 rings, and one policy change for all (--hosts N, --few N)';
export const options = {
  hosts: { type: 'string', default: '1000' },
  few: { type: 'string', default: '100' },
};

const LABEL = 'bench';
const FIRST_QUOTA = 12;
const NEXT_QUOTA = 10;
/** One Mac in so many fails. */
const FAILS_EVERY = 33;
const BREAKAGE = { kind: 'build_kc', errorCode: 'KC_WRONG_VARIANT' };
/** A ring of a small fleet may hold more than its share of the failing Macs. */
const ring = (name, take) => ({ name, take, successAt: { percent: 75 }, errorAt: { percent: 30 } });
const STRATEGY = {
  rings: [
    ...[10, 25, 45, 70].map((percent) => ring(`to ${percent} %`, { kind: 'percent', percent })),
    ring('rest', { kind: 'rest' }),
  ],
  success: 'raised',
};
/** How often people look for visits, and we for the end. */
const LOOK_MS = 500;
/** The whole benchmark takes at most ten minutes. */
const LIMIT_MS = 590_000;

export async function run({ root, options: { hosts, few }, say }) {
  if (process.platform !== 'linux') throw new Error('rollout-1k reads /proc and runs on Linux only');
  const deadline = performance.now() + LIMIT_MS;
  const small = await measure({ root, count: Number(few), deadline, say });
  const large = await measure({ root, count: Number(hosts), deadline, say });
  const growth = (phase) => Number((cpuOf(large[phase]) / cpuOf(small[phase])).toFixed(3));
  return {
    figures: {
      hosts: Number(hosts),
      changeToLastJobSeconds: large.change.seconds,
      rolloutSeconds: large.rollout.seconds,
      rolloutGrowth: growth('rollout'),
      changeGrowth: growth('change'),
      success: STRATEGY.success,
      few: small,
      many: large,
    },
    targets: { rolloutGrowth: 1.2, changeGrowth: 1.2 },
  };
}

async function measure({ root, count, deadline, say }) {
  const bed = await openFleetBed({ root, deadline });
  try {
    say(`${count} synthetic Macs enrol`);
    const joined = await bed.phase(count, () => bed.join(count, LABEL));
    for (const agent of failing(bed.fleet.agents)) agent.mac.breaks = BREAKAGE;
    bed.fleet.sendPeople(bed.api, LOOK_MS);
    say('a rollout in 5 rings');
    const rollout = await bed.phase(count, () => rollOut(bed));
    const { targets } = rollout.result;
    say(`another quota for all at once (the rollout ended with ${JSON.stringify(targets)})`);
    const change = await bed.phase(count, () => changeAll(bed));
    const brokenSessions = bed.fleet.agents.reduce((sum, { broken }) => sum + broken, 0);
    const { result: _, ...figures } = rollout;
    return { join: joined, rollout: { ...figures, ...targets }, change, brokenSessions };
  } finally {
    await bed.close();
  }
}

/** Spread over the fleet in the order of enrolment, which says nothing about rings. */
function failing(agents) {
  return agents.filter((_, index) => index % FAILS_EVERY === FAILS_EVERY - 1);
}

async function rollOut(bed) {
  const { rolloutId } = await bed.apply(LABEL, FIRST_QUOTA, STRATEGY);
  let seen;
  await bed.until(LOOK_MS, async () => {
    seen = (await bed.api.call('GET', '/api/v1/rollouts?limit=1')).items[0];
    if (seen.state === 'halted') throw new Error(`the rollout halted: ${seen.reason}`);
    return seen.id === rolloutId && seen.state === 'finished';
  });
  return seen;
}

/** Until every Mac holds a job: none is finished before. */
async function changeAll(bed) {
  const { agents } = bed.fleet;
  const hold = withResolvers();
  for (const agent of agents) agent.mayFinish = hold.promise;
  try {
    await bed.apply(LABEL, NEXT_QUOTA);
    await bed.until(10, () => agents.every(({ holding }) => holding !== null));
  } finally {
    hold.resolve();
  }
}

function withResolvers() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function cpuOf({ controllerCpuMsPerHost, postgresCpuMsPerHost }) {
  return controllerCpuMsPerHost + postgresCpuMsPerHost;
}
