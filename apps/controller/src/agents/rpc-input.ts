/** What holds for the request of every procedure, before its handler sees it. */
import { invalid, unstorableFields } from '../common/field-errors.ts';

/**
 * Lines for people that may quote what a tool of the Mac printed. Whoever keeps them replaces what no table holds: refused, a step
 * could never end for a stray byte.
 */
const QUOTES_TOOLS: readonly string[] = ['progress', 'errorDetail'];

/** Refuses text that Postgres cannot store, with the name of its field in the wire's own spelling. */
export function checkTexts(request: object): void {
  const errors = Object.entries(request)
    .filter(([name]) => !QUOTES_TOOLS.includes(name))
    .flatMap(([name, value]) => unstorableFields(name, value));
  if (errors.length > 0) throw invalid(errors.map(({ path, message }) => ({ path: wireName(path), message })));
}

/** bootSessionId -> boot_session_id */
function wireName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
