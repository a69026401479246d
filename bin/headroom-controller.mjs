#!/usr/bin/env node
import { runBuilt } from './bootstrap.mjs';

await runBuilt('apps/controller/dist/main.js');
