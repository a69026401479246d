import type { Prisma } from '../db/generated/client.ts';

/** A plain value as Postgres will hold it: dates become ISO texts, `undefined` keys vanish. */
export function toJson(value: object): Prisma.InputJsonObject {
  return JSON.parse(JSON.stringify(value)) as Prisma.InputJsonObject;
}
