/** The Macs of one test, removed when it is over. */
import { afterAll, expect, onTestFinished } from 'vitest';
import { copyOf, type MacOptions, type VisitMac, visitMac } from './visit-mac.ts';

export async function newMac(options?: MacOptions): Promise<VisitMac> {
  return forThisTest(await visitMac(options));
}

let firstRaised: Promise<VisitMac> | null = null;
afterAll(async () => (await firstRaised)?.remove());

/** After a visit that raised it. One is visited for a whole file; each test gets a copy of its own. */
export async function raisedMac(): Promise<VisitMac> {
  firstRaised ??= raise();
  return forThisTest(copyOf(await firstRaised));
}

async function raise(): Promise<VisitMac> {
  const mac = await visitMac();
  const { transcript } = await mac.visit();
  const inForce = { kernel: 'development', filesetUuid: mac.kcUuid, bootArgsInForce: mac.bootArgs };
  expect(mac.state().boot, transcript).toMatchObject(inForce);
  return mac;
}

function forThisTest(mac: VisitMac): VisitMac {
  onTestFinished(() => mac.remove());
  return mac;
}
