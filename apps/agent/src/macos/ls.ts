/** ls: the access control list of a folder, which mode bits do not show. Documented: ls(1) of macOS, `-e`; entries follow the long line. */
import { known, type Reading, unknown } from './reading.ts';
import { linesOf, quote } from './text.ts';
import { type Output, readTool, type ToolContext } from './tool.ts';

const LS = '/bin/ls';
const lsAclArgs = (folder: string): readonly string[] => ['-lde', folder];

export function readAcl(context: ToolContext, folder: string): Promise<Reading<readonly string[]>> {
  return readTool(context, { path: LS, args: lsAclArgs(folder) }, parseAcl);
}

/** Entries without their numbers, such as `user:bob allow add_file`. A line of another form is unknown, never "no list". */
export function parseAcl({ stdout, stderr }: Pick<Output, 'stdout' | 'stderr'>): Reading<readonly string[]> {
  const [first = '', ...rest] = linesOf(stdout).filter((line) => line.trim() !== '');
  const sign = /^[bcdlpsw-][rwxsStT-]{9}([@+]?)\s/.exec(first)?.[1];
  const entries = rest.map((line) => /^\s*[0-9]+: (\S.*?)\s*$/.exec(line)?.[1]);
  const list = entries.filter((entry) => entry !== undefined);
  if (sign === undefined || list.length !== entries.length || (sign === '+' && list.length === 0))
    return unknown(`ls did not say which access control list there is: ${quote(stderr, stdout)}`);
  return known(list);
}
