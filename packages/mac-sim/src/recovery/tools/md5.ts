/** `md5` as macOS has it: stdin and -q give the bare digest. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { failed, notSimulated, type Tool } from '../tool-result.ts';

export const md5: Tool = ({ args }) => {
  const quiet = args[0] === '-q';
  const [path, ...rest] = quiet ? args.slice(1) : args;
  if (rest.length > 0 || path?.startsWith('-')) return notSimulated('md5', args);
  try {
    const digest = createHash('md5')
      .update(readFileSync(path ?? 0))
      .digest('hex');
    return { status: 0, stdout: path === undefined || quiet ? `${digest}\n` : `MD5 (${path}) = ${digest}\n` };
  } catch (error) {
    return failed(`md5: ${path ?? 'stdin'}: ${(error as Error).message}`);
  }
};
