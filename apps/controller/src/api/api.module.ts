import type { Server } from 'node:http';
import { type DynamicModule, Inject, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { z } from 'zod';
import type { Clock } from '../common/clock.ts';
import { type HttpHandler, handlerOf, otherMethod, unknownPath, unreadable } from './dispatch.ts';
import type { Idempotency } from './idempotency.ts';
import { limitServer } from './limits.ts';
import { openApi } from './openapi.ts';
import type { Method, Route } from './route.ts';
import type { SignIn } from './sign-in.ts';

const OPTIONS = Symbol('ApiModuleOptions');

export interface ApiModuleOptions {
  readonly routes: readonly Route[];
  readonly signIn: SignIn;
  readonly clock: Clock;
  readonly idempotency: Idempotency;
  /** Ends what would keep the listener from closing. */
  readonly beforeClose: () => void;
}

/** What this module needs of the HTTP adapter: the five verbs, any other one, and one handler for the rest. */
interface Router {
  get(path: string, handler: HttpHandler): void;
  post(path: string, handler: HttpHandler): void;
  put(path: string, handler: HttpHandler): void;
  patch(path: string, handler: HttpHandler): void;
  delete(path: string, handler: HttpHandler): void;
  all(path: string, handler: HttpHandler): void;
  use(handler: HttpHandler | typeof unreadable): void;
}

/** Registers every row of the route table. Create the application with `bodyParser: false`: rows read their own bodies. */
@Module({})
export class ApiModule implements OnModuleInit, OnModuleDestroy {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(OPTIONS) private readonly options: ApiModuleOptions,
  ) {}

  static with(options: ApiModuleOptions): DynamicModule {
    return { module: ApiModule, providers: [{ provide: OPTIONS, useValue: options }] };
  }

  onModuleInit(): void {
    const router = this.host.httpAdapter as unknown as Router;
    limitServer(this.host.httpAdapter.getHttpServer() as Server);
    const { routes } = this.options;
    for (const [path, rows] of byPath([...routes, documentRow(routes)])) {
      const pattern = path.replaceAll(/\{(\w+)\}/g, ':$1');
      for (const row of rows) register(router, row.method, pattern, handlerOf(row, this.options));
      router.all(pattern, otherMethod(rows));
    }
    router.use(unknownPath);
    router.use(unreadable);
  }

  onModuleDestroy(): void {
    this.options.beforeClose();
  }
}

/** Paths without places first: `/hosts/watch` is no host of that id, whatever the method. */
function byPath(rows: readonly Route[]): readonly (readonly [path: string, rows: readonly Route[]])[] {
  const paths = [...new Set(rows.map(({ path }) => path))];
  const places = (path: string) => path.split('{').length;
  return paths
    .sort((one, other) => places(one) - places(other))
    .map((path) => [path, rows.filter((row) => row.path === path)]);
}

function register(router: Router, method: Method, path: string, handler: HttpHandler): void {
  if (method === 'GET') router.get(path, handler);
  else if (method === 'POST') router.post(path, handler);
  else if (method === 'PUT') router.put(path, handler);
  else if (method === 'PATCH') router.patch(path, handler);
  else router.delete(path, handler);
}

/** The document describes itself too, and is built once, when somebody first asks. */
function documentRow(routes: readonly Route[]): Route {
  let document: Record<string, unknown> | null = null;
  const row: Route = {
    id: 'getOpenApi',
    method: 'GET',
    path: '/api/openapi.json',
    permission: 'public',
    summary: 'This document.',
    status: 200,
    params: null,
    query: null,
    body: null,
    reply: z.record(z.string(), z.unknown()),
    etag: null,
    parts: null,
    open: null,
    handle: () => {
      document ??= openApi([...routes, row]);
      return document;
    },
  };
  return row;
}
