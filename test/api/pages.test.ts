// Goal: what docs/policies.md and docs/deploying.md tell admins to send is accepted as it stands there.
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addMac, openTestApi, type TestApi } from './support.ts';

const PAGES = new URL('../../docs/', import.meta.url);
const EXAMPLE = /^```json (?<method>[A-Z]+) (?<path>\S+)\n(?<body>.*?)^```$/gms;

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await addMac(test, { labels: ['m2-pro'] });
});
afterAll(() => test.stop());

async function answersTo(name: string): Promise<readonly string[]> {
  const page = await readFile(new URL(name, PAGES), 'utf8');
  let policy = '';
  const answers: string[] = [];
  for (const { groups } of page.matchAll(EXAMPLE)) {
    const { method = '', path = '', body = '' } = groups ?? {};
    const named = (text: string) => text.replaceAll('{policy}', policy);
    const reply = await test.call(method, named(path), { body: JSON.parse(named(body)) as object });
    if (path === '/api/v1/policies') policy = String(reply.body['policyId']);
    answers.push(`${method} ${path} ${reply.status}`);
  }
  return answers;
}

it('every example about policies is taken, in its order', async () => {
  expect(await answersTo('policies.md')).toEqual([
    'POST /api/v1/label-rules 201',
    'POST /api/v1/policies 201',
    'POST /api/v1/proposals 202',
    'POST /api/v1/policies/{policy}/apply 200',
  ]);
});

it('every example about a fleet of your own is taken, in its order', async () => {
  expect(await answersTo('deploying.md')).toEqual([
    'POST /api/v1/api-tokens 201',
    'POST /api/v1/enrol-tokens 201',
    'POST /api/v1/policies 201',
  ]);
});
