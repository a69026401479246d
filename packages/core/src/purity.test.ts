/** Goal: core stays pure: it imports only its own files, and asks neither clock nor chance. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const SOURCE = new URL('./', import.meta.url);
const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
);

/** What a file does that core may not do. */
function impurities(text: string): readonly string[] {
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, target = '']) => target);
  const foreign = imports.filter((target) => !target.startsWith('./') && !target.startsWith('../'));
  const calls =
    text.match(/\b(Date\.now|new Date\(\)|Math\.random|performance\.|process\.|globalThis|setTimeout)/g) ?? [];
  return [...foreign, ...calls];
}

describe('core', () => {
  it.each(files)('%s is pure', (name) => {
    expect(impurities(readFileSync(new URL(name, SOURCE), 'utf8'))).toEqual([]);
  });

  it('would notice', () => {
    const text =
      "import { x } from 'node:fs';\nexport * from './ok.ts';\nconst t = Date.now() + Math.random();\nnew Date();";
    expect(impurities(text)).toEqual(['node:fs', 'Date.now', 'Math.random', 'new Date()']);
  });
});
