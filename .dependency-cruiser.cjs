// Import directions of ARCHITECTURE.md. Run on the compiled files (this tool reads no TypeScript 7) by scripts/check-imports.mjs,
// which also plants a violation of each rule to see it found.
const dist = (folder) => `^${folder}/dist/`;
const ours = '^(packages|apps)/[^/]+/dist/';

/** What the compiled files of one workspace may import outside their own folder. */
function only(folder, allowed) {
  return {
    name: `${folder.replace('/', '-')}-imports-only-what-it-may`,
    severity: 'error',
    from: { path: dist(folder) },
    to: { pathNot: [dist(folder), ...allowed] },
  };
}

const node = { builtin: '^(node:)?[a-z_/0-9]+$' };
const lib = (name) => `^node_modules/${name}/`;

module.exports = {
  forbidden: [
    only('packages/core', []),
    only('packages/proto', [lib('@grpc/grpc-js'), lib('@bufbuild/protobuf'), node.builtin]),
    only('packages/mac-sim', [dist('packages/core'), lib('@lydell/node-pty'), node.builtin]),
    only('packages/quickstart', [dist('packages/core'), dist('packages/mac-sim'), node.builtin]),
    only('apps/agent', [
      dist('packages/core'),
      dist('packages/proto'),
      lib('@grpc/grpc-js'),
      lib('execa'),
      node.builtin,
    ]),
    {
      name: 'no-app-imports-another',
      severity: 'error',
      from: { path: dist('apps/controller') },
      to: { path: ours, pathNot: [dist('apps/controller'), dist('packages/core'), dist('packages/proto')] },
    },
    { name: 'no-cycles', severity: 'error', from: { path: ours, pathNot: '/generated/' }, to: { circular: true } },
    { name: 'everything-resolves', severity: 'error', from: { path: ours }, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.d\\.ts$' },
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default'] },
  },
};
