/**
 * XML property lists, as diskutil, hdiutil, nvram -x and preference files write them.
 * Guarantee: bounded (size, depth, number of values), no entities but the five of XML and numeric ones, no DTD is read,
 * and a text that is not a whole plist is refused with a reason instead of half believed. Binary plists are refused too.
 */
import { known, type Reading, unknown } from './reading.ts';

export type PlistValue = string | number | bigint | boolean | Date | Uint8Array | readonly PlistValue[] | PlistDict;
export interface PlistDict {
  readonly [key: string]: PlistValue;
}

const CHARS_MAX = 8 * 1024 * 1024;
const DEPTH_MAX = 64;
const VALUES_MAX = 200_000;

class PlistError extends Error {}

/** Parses the first plist in a text; lines before it are skipped. */
export function parsePlist(text: string): Reading<PlistValue> {
  if (text.length > CHARS_MAX) return unknown(`plist is longer than ${CHARS_MAX} characters`);
  if (text.startsWith('bplist')) return unknown('binary plist');
  const start = text.search(/<plist[\s>]/);
  if (start < 0) return unknown('no plist in the text');
  if (/<!(ENTITY|ELEMENT|ATTLIST)/.test(text.slice(0, start))) return unknown('plist with a DTD of its own');
  try {
    return known(new PlistReader(text, start).read());
  } catch (error) {
    if (error instanceof PlistError) return unknown(error.message);
    throw error;
  }
}

/** The dict at the top of a plist. */
export function parsePlistDict(text: string): Reading<PlistDict> {
  const plist = parsePlist(text);
  if (!plist.ok) return plist;
  return isDict(plist.value) ? known(plist.value) : unknown('plist holds no dict');
}

export function isDict(value: PlistValue | undefined): value is PlistDict {
  return (
    typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date) && !(value instanceof Uint8Array)
  );
}

export function stringAt(dict: PlistDict, key: string): string | null {
  const value = at(dict, key);
  return typeof value === 'string' ? value : null;
}

/** A count of bytes or the like: whole, not negative, exact. */
export function countAt(dict: PlistDict, key: string): number | null {
  const value = at(dict, key);
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function booleanAt(dict: PlistDict, key: string): boolean | null {
  const value = at(dict, key);
  return typeof value === 'boolean' ? value : null;
}

/** A switch: true and false, or 1 and 0 as `defaults write -int` and NSNumber store it. Any other number is none. */
export function flagAt(dict: PlistDict, key: string): boolean | null {
  const value = at(dict, key);
  return value === 1 || value === 0 ? value === 1 : booleanAt(dict, key);
}

export function arrayAt(dict: PlistDict, key: string): readonly PlistValue[] | null {
  const value = at(dict, key);
  return Array.isArray(value) ? value : null;
}

/** The dicts of an array; other members are left out. */
export function dictsAt(dict: PlistDict, key: string): readonly PlistDict[] | null {
  return arrayAt(dict, key)?.filter(isDict) ?? null;
}

function at(dict: PlistDict, key: string): PlistValue | undefined {
  return Object.hasOwn(dict, key) ? dict[key] : undefined;
}

interface Tag {
  readonly name: string;
  readonly kind: 'open' | 'close' | 'empty';
}

class PlistReader {
  private at: number;
  private values = 0;

  constructor(
    private readonly text: string,
    start: number,
  ) {
    this.at = start;
  }

  read(): PlistValue {
    this.expect('plist', 'open');
    const value = this.value(this.tag(), 0);
    this.expect('plist', 'close');
    return value;
  }

  private value(tag: Tag, depth: number): PlistValue {
    if (depth > DEPTH_MAX) throw new PlistError(`plist is deeper than ${DEPTH_MAX}`);
    if (++this.values > VALUES_MAX) throw new PlistError(`plist has more than ${VALUES_MAX} values`);
    if (tag.kind === 'close') throw new PlistError(`plist: </${tag.name}> where a value was expected`);
    switch (tag.name) {
      case 'dict':
        return tag.kind === 'empty' ? newDict() : this.dict(depth);
      case 'array':
        return tag.kind === 'empty' ? [] : this.array(depth);
      case 'true':
      case 'false':
        if (tag.kind === 'open') this.expect(tag.name, 'close');
        return tag.name === 'true';
      default:
        return scalar(tag.name, tag.kind === 'empty' ? '' : this.content(tag.name));
    }
  }

  private dict(depth: number): PlistDict {
    const dict = newDict();
    for (let tag = this.tag(); !isClose(tag, 'dict'); tag = this.tag()) {
      if (tag.name !== 'key' || tag.kind === 'close')
        throw new PlistError(`plist: <${tag.name}> where a key was expected`);
      const key = tag.kind === 'empty' ? '' : this.content('key');
      dict[key] = this.value(this.tag(), depth + 1);
    }
    return dict;
  }

  private array(depth: number): readonly PlistValue[] {
    const items: PlistValue[] = [];
    for (let tag = this.tag(); !isClose(tag, 'array'); tag = this.tag()) items.push(this.value(tag, depth + 1));
    return items;
  }

  /** The next tag; only blanks and comments may stand before it. */
  private tag(): Tag {
    this.skipBlank();
    const end = this.text.indexOf('>', this.at);
    const match = end < 0 || end - this.at > 200 ? null : TAG.exec(this.text.slice(this.at, end + 1));
    if (match === null) throw new PlistError(`plist: no tag at character ${this.at}`);
    this.at = end + 1;
    return { name: match[2] ?? '', kind: match[1] === '/' ? 'close' : match[3] === '/' ? 'empty' : 'open' };
  }

  private skipBlank(): void {
    for (;;) {
      while (this.at < this.text.length && this.text.charCodeAt(this.at) <= 32) this.at++;
      if (!this.text.startsWith('<!--', this.at)) return;
      const end = this.text.indexOf('-->', this.at + 4);
      if (end < 0) throw new PlistError('plist: a comment does not end');
      this.at = end + 3;
    }
  }

  private expect(name: string, kind: Tag['kind']): void {
    const tag = this.tag();
    if (tag.name !== name || tag.kind !== kind) throw new PlistError(`plist: <${name}> expected, <${tag.name}> seen`);
  }

  /** Text up to the closing tag, entities resolved. */
  private content(name: string): string {
    const end = this.text.indexOf('<', this.at);
    if (end < 0) throw new PlistError(`plist: <${name}> does not end`);
    const raw = this.text.slice(this.at, end);
    this.at = end;
    this.expect(name, 'close');
    return raw.includes('&') ? raw.replace(/&([^;&]{0,12});?/g, entity) : raw;
  }
}

const TAG = /^<(\/?)([A-Za-z]{1,12})(?:\s[^<>/]*)?(\/?)>$/;

function isClose(tag: Tag, name: string): boolean {
  return tag.kind === 'close' && tag.name === name;
}

/** Without a prototype, so that a key such as `__proto__` is only a key. */
function newDict(): Record<string, PlistValue> {
  return Object.create(null) as Record<string, PlistValue>;
}

function scalar(name: string, text: string): PlistValue {
  switch (name) {
    case 'string':
      return text;
    case 'integer':
      return integer(text.trim());
    case 'real':
      return real(text.trim());
    case 'date':
      return date(text.trim());
    case 'data':
      return data(text.replace(/\s+/g, ''));
    default:
      throw new PlistError(`plist: <${name}> is not a value`);
  }
}

function integer(text: string): number | bigint {
  if (!/^([+-]?[0-9]{1,20}|0[xX][0-9a-fA-F]{1,16})$/.test(text)) throw new PlistError('plist: not an integer');
  const exact = BigInt(text.replace(/^\+/, ''));
  const value = Number(exact);
  return Number.isSafeInteger(value) ? value : exact;
}

function real(text: string): number {
  const value = /^[+-]?([0-9.]+([eE][+-]?[0-9]+)?|nan|inf(inity)?)$/i.test(text) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value)) throw new PlistError('plist: not a finite real');
  return value;
}

function date(text: string): Date {
  const value = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(text)
    ? new Date(text)
    : new Date(Number.NaN);
  if (Number.isNaN(value.getTime())) throw new PlistError('plist: not a date');
  return value;
}

function data(text: string): Uint8Array {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new PlistError('plist: not base64');
  return new Uint8Array(Buffer.from(text, 'base64'));
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function entity(whole: string, name: string): string {
  const named = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
  if (named !== undefined && whole.endsWith(';')) return named;
  const number = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
  const code =
    number === null ? Number.NaN : Number.parseInt(number[1] ?? number[2] ?? '', number[1] === undefined ? 10 : 16);
  if (!(code > 0 && code <= 0x10ffff) || !whole.endsWith(';')) throw new PlistError('plist: unknown entity');
  return String.fromCodePoint(code);
}
