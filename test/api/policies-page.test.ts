// Goal: what docs/policies.md tells admins to send is accepted as it stands there.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addMac, openTestApi, type TestApi } from './support.ts';

const PAGE = fileURLToPath(new URL('../../docs/policies.md', import.meta.url));
const EXAMPLE = /^```json (?<method>[A-Z]+) (?<path>\S+)\n(?<body>.*?)^```$/gms;

let test: TestApi;
beforeAll(async () => {
  test = await openTestApi();
  await addMac(test, { labels: ['m2-pro'] });
});
afterAll(() => test.stop());

it('every example of the page is taken, in its order', async () => {
  const page = await readFile(PAGE, 'utf8');
  const examples = [...page.matchAll(EXAMPLE)].map(({ groups }) => groups ?? {});
  let policy = '';
  const answers: string[] = [];
  for (const { method = '', path = '', body = '' } of examples) {
    const named = (text: string) => text.replaceAll('{policy}', policy);
    const reply = await test.call(method, named(path), { body: JSON.parse(named(body)) as object });
    if (path === '/api/v1/policies') policy = String(reply.body['policyId']);
    answers.push(`${method} ${path} ${reply.status}`);
  }
  expect(answers).toEqual([
    'POST /api/v1/label-rules 201',
    'POST /api/v1/policies 201',
    'POST /api/v1/proposals 202',
    'POST /api/v1/policies/{policy}/apply 200',
  ]);
});
