/** What tests of policies do again and again, through the API's doors. */
import { expect } from 'vitest';
import { addMac, type ReplyBody, type TestApi } from '../api/support.ts';

export function doors(opened: () => TestApi) {
  const post = async (path: string, body: object = {}): Promise<ReplyBody> => {
    const reply = await opened().call('POST', `/api/v1${path}`, { body });
    expect([reply.status, reply.body['code'], reply.body['detail']].slice(reply.status < 300 ? 3 : 0)).toEqual([]);
    return reply.body;
  };
  const refused = async (path: string, body: object = {}) => {
    const reply = await opened().call('POST', `/api/v1${path}`, { body });
    return [reply.status, reply.body['code']];
  };
  const quotaOf = async (hostId: string) =>
    (await opened().database.prisma.intent.findUniqueOrThrow({ where: { hostId } })).quota;
  const macsOf = (label: string, count: number) =>
    Array.from({ length: count }).reduce<Promise<string[]>>(
      async (macs) => [...(await macs), await addMac(opened(), { labels: [label] })],
      Promise.resolve([]),
    );
  return { post, refused, quotaOf, macsOf };
}
