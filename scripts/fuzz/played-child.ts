/**
 * In the place of apps/agent/src/macos/child.ts in the fuzz run: no process is started, each tool ends as it is told to. All above it
 * is the agent's own code.
 */
import type { ChildEnd, ChildInput } from '../../apps/agent/src/macos/child.ts';

export type Played = ChildEnd | { readonly startError: string };
export type Player = (file: string, args: readonly string[]) => Played;

let player: Player = () => ({ startError: 'ENOENT' });

export function playTools(next: Player): void {
  player = next;
}

export async function runChild({ file, args }: ChildInput): Promise<Played> {
  return player(file, args);
}
