/** Goal: a password link leads to where a password is kept, over https only, and can never be one or hold one. */
import { describe, expect, it } from 'vitest';
import { fillPasswordLink, passwordLinkProblem } from './place.ts';

const VALUES = { serial: 'C02 X/Y', assetTag: null, name: 'mini-7', hardwareUuid: 'AA', account: 'ada' };

describe('a password link', () => {
  it.each([
    'https://vault.example/{serial}',
    'https://vault.example:8443/ui/#/item?host={name}&user={account}',
    'https://vault.example?password={serial}',
    'https://vault.example',
  ])('%s is one', (template) => expect(passwordLinkProblem(template)).toBeNull());

  it.each([
    ['http://vault.example/{serial}', /https/],
    ['hunter2', /https/],
    ['https://ada:hunter2@vault.example/', /without a user or password/],
    ['https://{serial}.example/', /https/],
    ['https://vault.example/{password}', /\{password\} is not known/],
    ['https://vault.example/?password=hunter2', /looks as if it held/],
    ['https://vault.example/a b', /https/],
    ['javascript:alert(1)', /https/],
  ])('%s is none', (template, why) => expect(passwordLinkProblem(template)).toMatch(why));

  it('is filled with what is known, escaped, and is none where a value is missing', () => {
    expect(fillPasswordLink('https://v.example/{serial}?u={account}', VALUES)).toBe(
      'https://v.example/C02%20X%2FY?u=ada',
    );
    expect(fillPasswordLink('https://v.example/{assetTag}', VALUES)).toBeNull();
    expect(fillPasswordLink('https://v.example/', VALUES)).toBe('https://v.example/');
  });
});
