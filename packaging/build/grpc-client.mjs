// grpc-js in the bundle: its client with one connection, which is all that the agent uses. The package's own index also evaluates
// its server, its admin services and four ways to spread load. A name that is missing here stops the build.
// First as in that index: its files import each other in circles, and other orders break.
import '@grpc/grpc-js/build/src/call-credentials.js';
import '@grpc/grpc-js/build/src/channel.js';
import { ChannelCredentials } from '@grpc/grpc-js/build/src/channel-credentials.js';
import { Client } from '@grpc/grpc-js/build/src/client.js';
import { Status } from '@grpc/grpc-js/build/src/constants.js';
import { setup as pickFirst } from '@grpc/grpc-js/build/src/load-balancer-pick-first.js';
import { makeClientConstructor } from '@grpc/grpc-js/build/src/make-client.js';
import { Metadata } from '@grpc/grpc-js/build/src/metadata.js';
import { setup as names } from '@grpc/grpc-js/build/src/resolver-dns.js';
import { setup as addresses } from '@grpc/grpc-js/build/src/resolver-ip.js';

names();
addresses();
pickFirst();

export const credentials = { createSsl: ChannelCredentials.createSsl };
export const status = Status;
export { Client, Metadata, makeClientConstructor as makeGenericClientConstructor };
