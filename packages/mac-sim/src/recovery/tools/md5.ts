/** `md5` as macOS has it: stdin and -q give the bare digest. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { failed, notSimulated, type Tool, type ToolResult } from '../tool-result.ts';

export const md5: Tool = ({ args }) => {
  const quiet = args[0] === '-q';
  const paths = quiet ? args.slice(1) : args;
  if (paths.some((path) => path.startsWith('-'))) return notSimulated('md5', args);
  const results = paths.length === 0 ? [digestOf(undefined, quiet)] : paths.map((path) => digestOf(path, quiet));
  const text = (key: 'stdout' | 'stderr'): string => results.map((result) => result[key] ?? '').join('');
  return {
    status: Math.max(...results.map(({ status }) => status)),
    stdout: text('stdout'),
    stderr: text('stderr'),
  };
};

/** stdin when there is no path. */
function digestOf(path: string | undefined, quiet: boolean): ToolResult {
  try {
    const digest = createHash('md5')
      .update(readFileSync(path ?? 0))
      .digest('hex');
    return { status: 0, stdout: path === undefined || quiet ? `${digest}\n` : `MD5 (${path}) = ${digest}\n` };
  } catch (error) {
    return failed(`md5: ${path ?? 'stdin'}: ${(error as Error).message}`);
  }
}
