/** What must hold did not. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function fail(problem: string): never {
  throw new Violation(problem);
}
