/** ls: the one form that a tool needs, the long line of a folder with its access control list. */
import { lines, type Output } from './output.ts';

const KIT_FOLDER = '/Library/Headroom';

export function lsOutputs(): readonly Output[] {
  return [
    {
      tool: 'bin/ls',
      args: `-lde ${KIT_FOLDER}`,
      out: lines(`drwxr-xr-x  6 root  wheel  192 Nov  1 08:00 ${KIT_FOLDER}`),
      provenance: 'documented',
      source: 'ls(1), -l, -d and -e: no list, so no further line',
    },
  ];
}
