import { ERRORS } from '@headroom/core';
import { z } from 'zod';
import type { Route } from './route.ts';

/** OpenAPI 3.1 from the route table. Every operation says its permission in `x-permission`. */
export function openApi(routes: readonly Route[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const row of routes) {
    const operations = paths[row.path] ?? {};
    operations[row.method.toLowerCase()] = operation(row);
    paths[row.path] = operations;
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Headroom',
      version: 'v1',
      description: 'Keeps the wanted macOS guest quota of a fleet of Apple silicon Macs, and proves it from evidence.',
    },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: PROBLEM },
    },
  };
}

function operation(row: Route): Record<string, unknown> {
  const body = requestBody(row);
  return {
    operationId: row.id,
    summary: row.summary,
    'x-permission': row.permission,
    ...(row.permission === 'public' && { security: [] }),
    parameters: [...parameters(row.params, 'path'), ...parameters(row.query, 'query'), ...headers(row)],
    ...(body !== null && { requestBody: body }),
    responses: {
      [row.status]: {
        description: 'Done.',
        content: Object.fromEntries(
          [row.text ?? 'application/json'].flat().map((type) => [type, { schema: jsonSchema(row.reply, 'output') }]),
        ),
      },
      default: {
        description: 'Refused; `code` is a row of the error catalogue.',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function requestBody(row: Route): Record<string, unknown> | null {
  if (row.bytes !== undefined) return { required: true, content: { [row.bytes]: {} } };
  if (row.body === null) return null;
  return { required: true, content: { 'application/json': { schema: jsonSchema(row.body, 'input') } } };
}

function parameters(schema: z.ZodType | null, where: 'path' | 'query'): readonly Record<string, unknown>[] {
  if (schema === null) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, unknown>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema: property,
  }));
}

function headers({ method, conditional, open }: Route): readonly Record<string, unknown>[] {
  const wanted: readonly (readonly [boolean, string, string])[] = [
    [
      method === 'POST',
      'Idempotency-Key',
      'A repeat with the same key and body gets the answer of the first, for 24 h.',
    ],
    [conditional === true, 'If-Match', 'ETag that the thing must still have, else 412.'],
    [open !== null, 'Last-Event-ID', 'Goes on after this event. An event may come twice; its id tells.'],
  ];
  return wanted
    .filter(([has]) => has)
    .map(([, name, description]) => ({ name, in: 'header', required: false, description, schema: { type: 'string' } }));
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'remedy'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What failed, what was expected, what was seen.' },
    code: { type: 'string', enum: Object.keys(ERRORS) },
    remedy: { type: 'string', description: 'What to do next.' },
  },
} as const;
