/**
 * What comes before the Terminal of a Mac with a Recovery Lock, as lines of text: startup options, the lock, and a person
 * who signs in as an owner. Entry: `node startup.js DIR`; ends with 0 once the Terminal may open. A wrong password is asked
 * again for ever: a person who does not know it switches the Mac off.
 */
import { writeSync } from 'node:fs';
import { loadState } from '../state.ts';
import { askLine, askSecret } from './terminal.ts';
import { authenticate } from './users.ts';

const INCORRECT = 'Incorrect password.\n';

const [dir = ''] = process.argv.slice(2);
const state = loadState(dir);
const { recoveryLock, volumes } = state;

while (askLine(`Loading startup options\nChoose ${volumes.systemName} or Options: `) !== 'Options');
while (recoveryLock !== undefined && askSecret('Recovery Lock password: ') !== recoveryLock) writeSync(1, INCORRECT);
signIn();
writeSync(1, 'Utilities > Terminal\n');

function signIn(): void {
  for (;;) {
    const name = askLine('Select a user you know the password for: ') ?? '';
    if (authenticate(state, name, askSecret('Password: ') ?? '') === 'ok') return;
    writeSync(1, INCORRECT);
  }
}
