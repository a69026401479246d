/** Cuts a filter text into words, operators and marks, each with the position of its first character (from 1). */
type TokenKind = 'word' | 'quoted' | 'operator' | ';' | ',' | '(' | ')' | 'end' | 'bad';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly position: number;
}

const WORD = /[A-Za-z0-9._:/-]+/y;
const OPERATOR = /==|!=|=[a-z]*=|<=|>=|<|>/y;
const QUOTED = /"((?:[^"\\]|\\["\\])*)"|'((?:[^'\\]|\\['\\])*)'/y;
const SPACE = /\s+/y;
const MARKS = [';', ',', '(', ')'] as const;

export function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const { token, next } = tokenAt(text, at);
    tokens.push(token);
    at = skipSpace(text, next);
  }
  return [...tokens, { kind: 'end', text: '', position: text.length + 1 }];
}

function tokenAt(text: string, at: number): { readonly token: Token; readonly next: number } {
  const position = at + 1;
  const mark = MARKS.find((one) => text[at] === one);
  if (mark !== undefined) return { token: { kind: mark, text: mark, position }, next: at + 1 };
  const quoted = matchAt(QUOTED, text, at);
  if (quoted !== null) {
    const inner = (quoted[1] ?? quoted[2] ?? '').replaceAll(/\\(.)/g, '$1');
    return { token: { kind: 'quoted', text: inner, position }, next: at + quoted[0].length };
  }
  const operator = matchAt(OPERATOR, text, at);
  if (operator !== null)
    return { token: { kind: 'operator', text: operator[0], position }, next: at + operator[0].length };
  const word = matchAt(WORD, text, at);
  if (word !== null) return { token: { kind: 'word', text: word[0], position }, next: at + word[0].length };
  return { token: { kind: 'bad', text: text.slice(at, at + 1), position }, next: text.length };
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function skipSpace(text: string, at: number): number {
  return at + (matchAt(SPACE, text, at)?.[0].length ?? 0);
}
