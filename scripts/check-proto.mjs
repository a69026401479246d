// The wire may only grow: an agent of the last release must be understood. Compares packages/proto/proto/agent.proto with the
// committed packages/proto/released/agent.proto and names each break: a package, message, field, enum value or RPC that went away
// or changed. What is removed must be reserved, number and name. After a release, copy the proto into released/.
// usage: check-proto.mjs [RELEASED PRESENT]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Label, FieldDescriptorProto_Type, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [released, present] = [
  process.argv[2] ?? join(root, 'packages/proto/released/agent.proto'),
  process.argv[3] ?? join(root, 'packages/proto/proto/agent.proto'),
];

const breaks = compareFiles(describe(released), describe(present));
for (const line of breaks) console.error(`${basename(present)} breaks the last release: ${line}`);
process.exit(breaks.length === 0 ? 0 : 1);

function describe(path) {
  const folder = mkdtempSync(join(tmpdir(), 'headroom-proto-'));
  try {
    const protoc = join(dirname(createRequire(import.meta.url).resolve('protoc/package.json')), 'protoc.cjs');
    const out = join(folder, 'set.bin');
    const file = resolve(path);
    execFileSync(process.execPath, [protoc, `--descriptor_set_out=${out}`, '-I', dirname(file), file], {
      stdio: 'inherit',
    });
    const [described] = fromBinary(FileDescriptorSetSchema, readFileSync(out)).file;
    return described;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function compareFiles(before, now) {
  return [
    ...(before.package === now.package ? [] : [`package ${before.package} is now ${now.package}`]),
    ...compareNamed('message', before.messageType, now.messageType, compareMessages),
    ...compareNamed('enum', before.enumType, now.enumType, compareEnums),
    ...compareNamed('service', before.service, now.service, (name, one, other) =>
      compareNamed(`RPC ${name}`, one.method, other.method, compareMethods),
    ),
  ];
}

function compareMessages(name, before, now) {
  return [
    ...compareNumbered(name, before, now, before.field, now.field, compareFields),
    ...compareNamed(`message in ${name}`, before.nestedType, now.nestedType, (inner, one, other) =>
      compareMessages(`${name}.${inner}`, one, other),
    ),
    ...compareNamed(`enum in ${name}`, before.enumType, now.enumType, (inner, one, other) =>
      compareEnums(`${name}.${inner}`, one, other),
    ),
  ];
}

function compareEnums(name, before, now) {
  return compareNumbered(name, before, now, before.value, now.value, () => []);
}

/** Fields or enum values: by number, each with its name; what is gone is reserved, what was reserved stays so. */
function compareNumbered(name, before, now, olds, news, compare) {
  const byNumber = new Map(news.map((one) => [one.number, one]));
  const kept = olds.flatMap((old) => {
    const found = byNumber.get(old.number);
    const isReserved = reserves(now, old.number) && now.reservedName.includes(old.name);
    if (found === undefined) return isReserved ? [] : [`${name}: ${old.name} = ${old.number} is gone and not reserved`];
    if (found.name !== old.name) return [`${name}: ${old.name} = ${old.number} is now called ${found.name}`];
    return compare(`${name}.${old.name}`, old, found);
  });
  const used = news.filter((one) => reserves(before, one.number) || before.reservedName.includes(one.name));
  const freed = before.reservedName.filter((one) => !now.reservedName.includes(one));
  const unguarded = before.reservedRange.filter(({ start }) => !reserves(now, start));
  return [
    ...kept,
    ...used.map((one) => `${name}: ${one.name} = ${one.number} uses what was reserved`),
    ...freed.map((one) => `${name}: the name ${one} is not reserved any more`),
    ...unguarded.map(({ start }) => `${name}: the number ${start} is not reserved any more`),
  ];
}

/** Ranges of messages end before their end, those of enums with it. */
function reserves({ $typeName, reservedRange }, number) {
  const last = $typeName.endsWith('EnumDescriptorProto') ? 0 : 1;
  return reservedRange.some(({ start, end }) => number >= start && number <= end - last);
}

function compareFields(name, before, now) {
  const [old, found] = [typeOf(before), typeOf(now)];
  return old === found ? [] : [`${name}: ${old} is now ${found}`];
}

function typeOf({ type, typeName, label }) {
  const repeated = label === FieldDescriptorProto_Label.REPEATED ? 'repeated ' : '';
  return `${repeated}${typeName || FieldDescriptorProto_Type[type].toLowerCase()}`;
}

function compareMethods(name, before, now) {
  const shape = ({ inputType, outputType, clientStreaming, serverStreaming }) =>
    `(${clientStreaming ? 'stream ' : ''}${inputType}) returns (${serverStreaming ? 'stream ' : ''}${outputType})`;
  return shape(before) === shape(now) ? [] : [`RPC ${name}: ${shape(before)} is now ${shape(now)}`];
}

function compareNamed(what, olds, news, compare) {
  const byName = new Map(news.map((one) => [one.name, one]));
  return olds.flatMap((old) => {
    const found = byName.get(old.name);
    return found === undefined ? [`${what} ${old.name} is gone`] : compare(old.name, old, found);
  });
}
