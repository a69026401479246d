/**
 * Writes what the reading tools print for a state, and the tools themselves. Guarantee: a reader sees whole files; files that
 * would not change are left alone. While macOS does not run, the `up` file is missing and every tool says so.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { simPaths } from '../paths.ts';
import { type Boot, nvramAll, type SimState } from '../state-model.ts';
import { DF } from './disk-tools.ts';
import { sysctlValues } from './kernel-tools.ts';
import type { Output } from './output.ts';
import { BPUTIL_NOT_ROOT } from './policy-tools.ts';
import {
  dfScript,
  diskutilScript,
  faultyScript,
  kmutilScript,
  nodeScript,
  nvramScript,
  outputFile,
  rootCheck,
  sysctlScript,
  tableScript,
} from './scripts.ts';
import { tableOutputs } from './table.ts';

/** Entry of the tools that build and install; it gets `kmutil ROOT ARGS...`. */
const DOING_ENTRY = fileURLToPath(new URL('../../dist/tools/doing.js', import.meta.url));
/** Tools of that entry which have no rendered output. */
export const CHANGING_TOOLS = ['usr/bin/hdiutil', 'usr/sbin/installer', 'usr/sbin/pkgutil'] as const;
const SAFE_NAME = /^[A-Za-z0-9_.%:-]+$/;

export function renderOutputs(dir: string, state: SimState): void {
  const { out } = simPaths(dir);
  if (state.boot === null || state.power !== 'macos') {
    rmSync(join(out, 'up'), { force: true });
    return;
  }
  const files = renderedFiles(state, state.boot);
  for (const [name, content] of files) writeIfChanged(join(out, name), content, 0o644);
  removeStale(out, files);
  for (const [tool, script] of toolScripts(tableOutputs(state, state.boot))) {
    const fault = state.behaviour.brokenTools[tool];
    if (fault === 'missing') rmSync(join(dir, tool), { force: true });
    else writeIfChanged(join(dir, tool), fault === undefined ? script : faultyScript(tool, fault), 0o755);
  }
  writeIfChanged(join(out, 'up'), '', 0o644);
}

/** Path below `out` -> content. */
function renderedFiles(state: SimState, boot: Boot): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [tool, outputs] of byTool(tableOutputs(state, boot)))
    for (const output of outputs) {
      const file = join(tool, outputFile(output.args));
      files.set(`${file}.out`, output.out);
      if (output.err !== undefined) files.set(`${file}.err`, output.err);
    }
  for (const [oid, value] of sysctlValues(state, boot)) files.set(`usr/sbin/sysctl/${oid}`, `${value}\n`);
  for (const [name, value] of nvramAll(state))
    if (SAFE_NAME.test(name)) files.set(`usr/sbin/nvram/variables/${name}`, `${value}\n`);
  return files;
}

function toolScripts(all: readonly Output[]): ReadonlyMap<string, string> {
  const scripts = new Map<string, string>([['usr/sbin/sysctl', sysctlScript()]]);
  for (const tool of CHANGING_TOOLS) scripts.set(tool, nodeScript(tool, DOING_ENTRY));
  for (const [tool, outputs] of byTool(all)) scripts.set(tool, scriptFor(tool, outputs));
  return scripts;
}

function scriptFor(tool: string, outputs: readonly Output[]): string {
  switch (tool) {
    case 'usr/sbin/nvram':
      return nvramScript(outputs);
    case 'usr/bin/kmutil':
      return kmutilScript(outputs, DOING_ENTRY);
    case 'usr/sbin/diskutil':
      return diskutilScript(outputs);
    case DF:
      return dfScript(outputs);
    case 'usr/bin/bputil':
      return tableScript(tool, outputs, rootCheck(BPUTIL_NOT_ROOT.trimEnd()));
    default:
      return tableScript(tool, outputs);
  }
}

function byTool(outputs: readonly Output[]): ReadonlyMap<string, readonly Output[]> {
  const groups = new Map<string, Output[]>();
  for (const output of outputs) {
    const group = groups.get(output.tool);
    if (group === undefined) groups.set(output.tool, [output]);
    else group.push(output);
  }
  return groups;
}

/** An oid, a variable or an error text that is gone must not be answered from an old file. */
function removeStale(out: string, files: ReadonlyMap<string, string>): void {
  for (const entry of readdirSync(out, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(out, path);
    if (entry.isFile() && name !== 'up' && !files.has(name)) rmSync(path, { force: true });
  }
}

/** No fsync: rendered files are made again at the next change of state. */
function writeIfChanged(path: string, content: string, mode: number): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === content) return;
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, path);
}
