/** Words of ours (states, kinds) as a list in SQL, where a parameter would say nothing to a partial index. */
export function words(list: readonly string[]): string {
  return list.map((word) => `'${word}'`).join(', ');
}
