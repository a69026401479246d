import { z } from 'zod';
import { decodeCursor, idParams, isoDate, pageOf, pageQuery, toPage } from '../api/paging.ts';
import { type Route, route } from '../api/route.ts';
import { invalid } from '../common/field-errors.ts';
import { Problem } from '../common/problem.ts';
import type { Database } from '../db/database.ts';
import { type KdkRow, sightsOf } from './change-kdk.ts';
import { KDK_BYTES_MAX } from './kdk-folder.ts';
import type { Kdks } from './kdks.ts';
import { disbelieveKernels } from './learn-kernels.ts';

const kdkView = z.object({
  id: z.uuid(),
  version: z.string(),
  build: z.string(),
  sha256: z.string(),
  sizeBytes: z.number().int(),
  fileName: z.string(),
  addedBy: z.string(),
  addedAt: isoDate,
  variants: z.array(z.string()).describe('Kernels in it, as Macs showed that have it installed. Empty = none has yet'),
  variantsMissing: z
    .array(z.string())
    .describe('Kernels that two Macs or more looked for in it in vain, and nobody saw.'),
  shownBy: z
    .array(
      z.object({
        hostId: z.uuid(),
        host: z.string().describe('What the Mac was called then.'),
        variants: z.array(z.string()).describe('Kernels in it where it is installed, whole.'),
        variantsMissing: z.array(z.string()).describe('Looked for in vain.'),
        at: isoDate,
        believed: z
          .boolean()
          .describe('false = an admin said that it is wrong; so it stays until the Mac shows something else.'),
      }),
    )
    .describe(
      'What each Mac showed of the kernels in it; the word of one alone keeps no other from fetching the image.',
    ),
});

export function kdkRoutes(database: Database, kdks: Kdks): readonly Route[] {
  return [
    route({
      id: 'putKdk',
      method: 'PUT',
      path: '/api/v1/kdks',
      permission: 'kdk.write',
      summary:
        'Takes a KDK image, which becomes the one of its build. Its sha256, as Apple or the catalogue says it, comes in the header x-checksum-sha256.',
      status: 200,
      bytes: 'application/octet-stream',
      query: z.object({ fileName: z.string().max(200).describe('Kernel_Debug_Kit_<version>_build_<build>.dmg') }),
      reply: kdkView,
      handle: async ({ query: { fileName }, actor, request }) => {
        const sha256 = String(request.headers['x-checksum-sha256'] ?? '').toLowerCase();
        if (!/^[0-9a-f]{64}$/.test(sha256))
          throw invalid([{ path: 'header.x-checksum-sha256', message: 'expected 64 hex digits' }]);
        if (Number(request.headers['content-length'] ?? 0) > KDK_BYTES_MAX)
          throw new Problem('PAYLOAD_TOO_LARGE', `A KDK image has at most ${KDK_BYTES_MAX} bytes.`, {
            bytesMax: KDK_BYTES_MAX,
          });
        return showKdk(await kdks.add({ fileName, sha256, bytes: request, actor: actor.name }));
      },
    }),
    route({
      id: 'listKdks',
      method: 'GET',
      path: '/api/v1/kdks',
      permission: 'kdk.read',
      summary: 'KDK images that agents can fetch. Of a build, the one with the latest `addedAt` is used.',
      status: 200,
      query: z.object({ ...pageQuery, build: z.string().max(20).optional() }),
      reply: pageOf(kdkView),
      handle: async ({ query: { limit, cursor, build } }) => {
        const before = decodeCursor(cursor);
        const rows = await database.prisma.kdk.findMany({
          where: { ...(before !== null && { id: { lt: before } }), ...(build !== undefined && { build }) },
          orderBy: { id: 'desc' },
          take: limit + 1,
        });
        return toPage(rows, limit, ({ id }) => id, showKdk);
      },
    }),
    route({
      id: 'disbelieveKdk',
      method: 'POST',
      path: '/api/v1/kdks/{id}/disbelieve',
      permission: 'kdk.write',
      summary:
        'What Macs showed of the kernels in an image is wrong: it counts no more, and Macs that were kept from it fetch it.',
      status: 200,
      params: idParams,
      body: z.strictObject({ reason: z.string().trim().min(3).max(500) }),
      reply: kdkView,
      handle: async ({ params: { id }, body: { reason }, actor, now }) =>
        showKdk(await disbelieveKernels(kdks, { id, reason, actor: actor.name, at: now })),
    }),
    route({
      id: 'deleteKdk',
      method: 'DELETE',
      path: '/api/v1/kdks/{id}',
      permission: 'kdk.write',
      summary: 'Withdraws a KDK image: its file is removed, and plans that name it are made anew.',
      status: 200,
      params: idParams,
      reply: z.object({ id: z.uuid() }),
      handle: async ({ params: { id }, actor }) => {
        await kdks.withdraw(id, actor.name);
        return { id };
      },
    }),
  ];
}

function showKdk({ addedAt, ...row }: KdkRow) {
  const { id, version, build, sha256, sizeBytes, fileName, addedBy, variants, variantsMissing } = row;
  return {
    id,
    version,
    build,
    sha256,
    sizeBytes: Number(sizeBytes),
    fileName,
    addedBy,
    addedAt: addedAt.toISOString(),
    variants: [...variants],
    variantsMissing: [...variantsMissing],
    shownBy: sightsOf(row).map(({ disbelieved = false, ...sight }) => ({
      ...sight,
      variants: [...sight.variants],
      variantsMissing: [...sight.variantsMissing],
      believed: !disbelieved,
    })),
  };
}
