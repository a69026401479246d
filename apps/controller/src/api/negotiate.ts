/** Content negotiation for rows that offer their text in several types. */

/** The offered type that an Accept header likes best; the first one when it says nothing or likes none of them. */
export function chooseType(offered: readonly [string, ...string[]], accept: string | undefined): string {
  const ranges = (accept ?? '').split(',').map(readRange);
  let [chosen] = offered;
  let best = 0;
  for (const type of offered) {
    const liking = likingOf(type, ranges);
    if (liking > best) [chosen, best] = [type, liking];
  }
  return chosen;
}

interface Range {
  readonly range: string;
  readonly quality: number;
}

function readRange(text: string): Range {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const quality = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1');
  return { range, quality: Number.isFinite(quality) ? quality : 0 };
}

/** What is said about the type itself counts before what is said about its kind, and that before `*`. */
function likingOf(type: string, ranges: readonly Range[]): number {
  const [name = ''] = type.split(';');
  const said = [name, `${name.split('/')[0]}/*`, '*/*'].map((wanted) => ranges.find(({ range }) => range === wanted));
  return said.find((range) => range !== undefined)?.quality ?? 0;
}
