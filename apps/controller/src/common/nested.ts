/** Far above what facts and results of agents have, far below where reading or writing them as JSON runs out of stack. */
const NESTED_MAX = 64;
export const NOT_SO_DEEP = `expected at most ${NESTED_MAX} objects or lists inside one another, seen more`;

/** Objects and lists inside one another, more than `NESTED_MAX` of them: `JSON.parse` takes such a value, `JSON.stringify` may throw. */
export function isNestedTooDeep(value: unknown, left = NESTED_MAX): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return left === 0 || Object.values(value).some((one) => isNestedTooDeep(one, left - 1));
}
