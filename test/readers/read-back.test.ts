/** A collection counts as built only when it holds the kernel and the bundles that were asked for: no fewer, and no others. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { AgentError } from '../../apps/agent/src/agent-error.ts';
import { readBack } from '../../apps/agent/src/steps/kc/read-back.ts';
import { kernelVersionText, systemFor } from '../../packages/mac-sim/src/catalogue/systems.ts';
import { buildBundleFile, buildKernelCollection, buildKernelFile } from '../../packages/mac-sim/src/kernel/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'headroom-read-back-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const [build, osVersion, variant] = ['23F79', '14.5', 'T6020'];
const version = '1.0';
const FAMILY = 'com.apple.iokit.IOStorageFamily';
const DRIVER = 'com.apple.driver.AppleSMC';
/** Without code. */
const INTERFACE = 'com.apple.kpi.bsd';

const KERNEL = buildKernelFile({
  versionText: kernelVersionText(systemFor(osVersion, build), variant, 'development'),
  osVersion,
  build,
});

const withCode = (id: string) => ({ id, version, binary: buildBundleFile({ id, version, build, osVersion }) });
const withoutCode = (id: string) => ({ id, version, binary: null });

function asked(bundleIds: readonly string[]) {
  const file = join(folder, 'built.kc');
  const { bytes } = buildKernelCollection({
    kernelFile: KERNEL,
    bundles: [withCode(FAMILY), withCode(DRIVER), withoutCode(INTERFACE)],
    build,
  });
  writeFileSync(file, bytes);
  return readBack(file, { variant, bundleIds }, AbortSignal.timeout(30_000));
}

describe('reading a collection back', () => {
  it('finds the kernel and what was asked for, bundles without code too', async () => {
    expect(await asked([FAMILY, DRIVER, INTERFACE])).toMatchObject({ bundles: 2 });
  });

  it('names bundles that are lacking', async () => {
    const problem = await asked([FAMILY, DRIVER, INTERFACE, 'com.apple.driver.AppleHV', 'com.apple.kpi.mach']);
    expect(problem).toBeInstanceOf(AgentError);
    expect(String(problem)).toContain('not in it (2): com.apple.driver.AppleHV com.apple.kpi.mach.');
  });

  it('names bundles that nobody asked for', async () => {
    expect(String(await asked([FAMILY, INTERFACE]))).toContain(`nobody asked for and are in it (1): ${DRIVER}.`);
  });
});
