/** The check of the wire finds every kind of break, and lets the wire grow. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const RELEASED = at('packages/proto/released/agent.proto');
const folder = mkdtempSync(join(tmpdir(), 'hr-proto-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function check(change: (proto: string) => string, before: (proto: string) => string = (proto) => proto) {
  const text = readFileSync(RELEASED, 'utf8');
  const [old, present] = [join(folder, 'old.proto'), join(folder, 'present.proto')];
  writeFileSync(old, before(text));
  const changed = change(before(text));
  expect(changed, 'the change hit').not.toBe(before(text));
  writeFileSync(present, changed);
  const { status, stderr } = spawnSync(process.execPath, [at('scripts/check-proto.mjs'), old, present], {
    encoding: 'utf8',
  });
  return { status, stderr };
}

const swap = (from: string, to: string) => (proto: string) => proto.replace(from, to);

describe('the check of the wire', () => {
  it('is content with what is committed', () => {
    const { status, stderr } = spawnSync(process.execPath, [at('scripts/check-proto.mjs')], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });

  it.each([
    ['a field that went away', swap('  string facts_sha256 = 3;\n', ''), 'facts_sha256 = 3 is gone and not reserved'],
    ['another number', swap('bytes plan = 7;', 'bytes plan = 17;'), 'plan = 7 is gone'],
    ['another type', swap('uint32 step_index = 6;', 'string step_index = 6;'), 'step_index: uint32 is now string'],
    ['a list where one was', swap('string code = 2;', 'repeated string code = 2;'), 'string is now repeated string'],
    ['another name', swap('string progress = 4;', 'string said = 4;'), 'progress = 4 is now called said'],
    ['a value that went away', swap('  OUTCOME_REFUSED = 3;\n', ''), 'OUTCOME_REFUSED = 3 is gone'],
    [
      'an RPC that went away',
      swap('  rpc Renew(RenewRequest) returns (RenewReply);\n', ''),
      'RPC AgentService Renew is gone',
    ],
    ['an RPC that streams', swap('returns (LeaseReply);', 'returns (stream LeaseReply);'), 'RPC Lease'],
    ['another package', swap('package headroom.agent.v1;', 'package headroom.agent.v2;'), 'package headroom.agent.v1'],
    [
      'a message that went away',
      (proto: string) => proto.replaceAll('KdkChunk', 'KdkPart'),
      'message KdkChunk is gone',
    ],
  ])('finds %s', (_what, change, text) => {
    const { status, stderr } = check(change);
    expect(stderr).toContain(text);
    expect(status).toBe(1);
  });

  const reserve = swap('bool facts_wanted = 2;', 'reserved 2; reserved "facts_wanted";');
  it('honours what is reserved', () => {
    expect(check(reserve)).toEqual({ status: 0, stderr: '' });
    const used = check(swap('reserved 2; reserved "facts_wanted";', 'bool other = 2;'), reserve);
    expect(used.stderr).toContain('other = 2 uses what was reserved');
    expect(used.stderr).toContain('the number 2 is not reserved any more');
  });

  it('lets the wire grow', () => {
    const grown = check((proto) =>
      swap(
        '  OUTCOME_REFUSED = 3;',
        '  OUTCOME_REFUSED = 3;\n  OUTCOME_WAITING = 4;',
      )(swap('uint32 check_in_ms = 3;\n', 'uint32 check_in_ms = 3;\n  string more = 4;\n')(proto)),
    );
    expect(grown).toEqual({ status: 0, stderr: '' });
  });
});
