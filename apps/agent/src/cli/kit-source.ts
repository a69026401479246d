/** The folder of this program that holds the visit kit's scripts: `kit` beside the built files. */
import { fileURLToPath } from 'node:url';

export const kitSource = (): string => fileURLToPath(new URL('../../kit', import.meta.url));
