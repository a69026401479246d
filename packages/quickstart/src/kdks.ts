import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeKdkImage } from '@headroom/mac-sim';
import type { ApiClient } from './api-client.ts';
import type { MacChoice } from './choices.ts';

/** Makes a simulated KDK image for each system and hands it to the controller, as an admin would with a downloaded one. */
export async function provideKdks(api: ApiClient, folder: string, choices: readonly MacChoice[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const systems = new Map(choices.map((choice) => [choice.build, choice]));
  for (const { os, build } of systems.values()) {
    const name = `Kernel_Debug_Kit_${os}_build_${build}.dmg`;
    if (!existsSync(join(folder, name))) writeKdkImage(folder, { os, build });
  }
  const { items } = await api.get<{ items: { fileName: string }[] }>('/api/v1/kdks');
  const known = new Set(items.map(({ fileName }) => fileName));
  for (const name of (await readdir(folder)).filter((file) => file.endsWith('.dmg') && !known.has(file))) {
    const bytes = await readFile(join(folder, name));
    await api.put(`/api/v1/kdks?fileName=${encodeURIComponent(name)}`, bytes, {
      'x-checksum-sha256': createHash('sha256').update(bytes).digest('hex'),
    });
  }
}
