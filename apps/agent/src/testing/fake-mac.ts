/** A sysroot of tiny sh scripts for unit tests: says it is a simulated Mac, and runs the tools that a test gives it. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Mac, openMac } from '../mac.ts';

export interface FakeMac extends Mac {
  /** Places a tool: the body of an sh script. */
  tool(macPath: string, script: string): void;
  file(macPath: string, content: string): void;
  remove(): void;
}

export function fakeMac(): FakeMac {
  const root = mkdtempSync(join(tmpdir(), 'headroom-fake-mac-'));
  const write = (macPath: string, content: string, mode: number): void => {
    mkdirSync(dirname(join(root, macPath)), { recursive: true });
    writeFileSync(join(root, macPath), content);
    chmodSync(join(root, macPath), mode);
  };
  write('.mac-sim/marker.json', '{"headroom-mac-sim":1}', 0o644);
  return {
    ...openMac(root),
    tool: (macPath, script) => write(macPath, `#!/bin/sh\n${script}\n`, 0o755),
    file: (macPath, content) => write(macPath, content, 0o644),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
