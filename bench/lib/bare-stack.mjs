// The libraries of the controller with nothing of ours around them: what a process that merely opens them weighs.
// Usage: node bare-stack.mjs ROOT CONNECTION (JSON); says {"ready":true} on a line and stays until its stdin ends.
import 'reflect-metadata';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import * as x509 from '@peculiar/x509';
import { PrismaPg } from '@prisma/adapter-pg';
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import pg from 'pg';
import { z } from 'zod';

const [root, address] = process.argv.slice(2);
const connection = JSON.parse(address);

class Empty {}
Module({})(Empty);
const app = await NestFactory.create(Empty, { bodyParser: false, logger: ['error'] });
await app.listen(0, '127.0.0.1');

const { PrismaClient } = await import(join(root, 'apps/controller/dist/db/generated/client.js'));
const pool = new pg.Pool({ ...connection, max: 16 });
const prisma = new PrismaClient({ adapter: new PrismaPg(pool) });
await prisma.site.findFirst();

const server = new Server();
await new Promise((resolve, reject) =>
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
);

const backEnd = { ...connection, max: 4, migrate: true, schema: 'bullmq' };
const queue = new Queue('bare', { connection: backEnd }, createPostgresBackend);
queue.on('error', () => {});
await queue.waitUntilReady();
const worker = new Worker('bare', async () => {}, { connection: backEnd, concurrency: 1 }, createPostgresBackend);
worker.on('error', () => {});
await worker.waitUntilReady();

const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
await x509.X509CertificateGenerator.createSelfSigned({
  name: 'CN=bare',
  keys,
  signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
});
z.object({ name: z.string() }).parse({ name: 'bare' });

process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
process.stdin.once('end', () => process.exit(0)).resume();
