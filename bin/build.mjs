// npm run build: dependencies if they are missing, generated code, compile.
import { checkNode, ensureBuilt, ensureInstalled } from './bootstrap.mjs';

checkNode();
ensureInstalled();
ensureBuilt();
