/** pkgutil: signatures and parts of package files, and receipts of installed ones. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { captured, documented, invented } from './forms.ts';
import { type Call, type Program, Refusal } from './io.ts';
import type { PackageMeta } from './kdk-image.ts';
import { onDisk } from './mac-path.ts';
import { openPackage } from './package-file.ts';
import { forgetReceipt, type Receipt, readReceipt, receiptIds } from './receipts.ts';
import { SIGNATURE_FORMS } from './signatures.ts';

export const PKGUTIL_FORMS = {
  ...Object.fromEntries(Object.entries(SIGNATURE_FORMS).map(([kind, form]) => [`signature-${kind}`, form])),
  noReceipt: documented(
    'message format, pkgutil/receipt-missing.stderr.txt',
    (id: string) => `No receipt for '${id}' found at '/'.\n`,
  ),
  ids: captured('pkgutil/receipts-kdk.txt', (...ids: string[]) => ids.map((id) => `${id}\n`).join('')),
  info: documented(
    'pkgutil(1), --pkg-info',
    (id: string, version: string, location: string, seconds: string) =>
      `package-id: ${id}\nversion: ${version}\nvolume: /\nlocation: ${location}\ninstall-time: ${seconds}\n`,
  ),
  forgot: documented('pkgutil(1), --forget', (id: string) => `Forgot package '${id}' on '/'.\n`),
  distribution: documented(
    'Distribution Definition XML (Apple): pkg-ref, with the folder names of pkgutil(1), --expand',
    ({ title, packageId, version }: PackageMeta) => `<?xml version="1.0" encoding="utf-8"?>
<installer-gui-script minSpecVersion="1">
    <title>${title}</title>
    <pkg-ref id="${packageId}" version="${version}">#KDK.pkg</pkg-ref>
</installer-gui-script>
`,
  ),
  packageInfo: documented(
    'pkgbuild(1), --info and --identifier: attributes of pkg-info',
    ({ packageId, version }: PackageMeta, files: number) => `<?xml version="1.0" encoding="utf-8"?>
<pkg-info overwrite-permissions="true" relocatable="false" identifier="${packageId}" version="${version}" format-version="2" install-location="/" auth="root">
    <payload numberOfFiles="${files}"/>
</pkg-info>
`,
  ),
  payloadFiles: documented('pkgutil(1), --payload-files: the paths in the payload', (...paths: string[]) =>
    ['.', ...paths.map((path) => `./${path}`)].map((path) => `${path}\n`).join(''),
  ),
  folderExists: documented(
    'pkgutil(1): --expand makes a new directory; strerror text',
    (folder: string) => `Error opening ${folder} for output: File exists\n`,
  ),
  notAPackage: invented('file missing or no package', (path: string) => `Could not open package: ${path}\n`),
  usage: invented('unknown option', (what: string) => `pkgutil: unrecognized option \`${what}'\n`),
};

export const pkgutil: Program = (call) => {
  const [option = '', operand = ''] = call.args;
  const [name, pattern] = option.split('=', 2);
  if (name === '--pkgs') return listIds(call, pattern);
  if (option === '--check-signature') return checkSignature(call, operand);
  if (option === '--expand') return expand(call, operand);
  if (option === '--payload-files') return payloadFiles(call, operand);
  if (option === '--pkg-info') return showInfo(call, operand);
  if (option === '--files') return showFiles(call, operand);
  if (option === '--forget') return forget(call, operand);
  throw new Refusal(PKGUTIL_FORMS.usage.text(option));
};

function checkSignature({ root, io }: Call, path: string): number {
  const found = openPackage(onDisk(root, path));
  if (found === null) throw new Refusal(PKGUTIL_FORMS.notAPackage.text(path));
  const { signature } = found.meta;
  io.out(SIGNATURE_FORMS[signature].text(basename(path)));
  return signature === 'none' ? 1 : 0;
}

/** The parts of a product archive as files, payloads still packed; nothing is installed. */
function expand({ root, args }: Call, path: string): number {
  const folder = args[2] ?? '';
  const found = openPackage(onDisk(root, path));
  if (found === null) throw new Refusal(PKGUTIL_FORMS.notAPackage.text(path));
  const target = onDisk(root, folder);
  if (existsSync(target)) throw new Refusal(PKGUTIL_FORMS.folderExists.text(folder));
  const component = join(target, 'KDK.pkg');
  mkdirSync(component, { recursive: true });
  writeFileSync(join(target, 'Distribution'), PKGUTIL_FORMS.distribution.text(found.meta));
  writeFileSync(join(component, 'PackageInfo'), PKGUTIL_FORMS.packageInfo.text(found.meta, found.files.length));
  writeFileSync(join(component, 'Payload'), Buffer.concat(found.files.map(({ data }) => data)));
  return 0;
}

function payloadFiles({ root, io }: Call, path: string): number {
  const found = openPackage(onDisk(root, path));
  if (found === null) throw new Refusal(PKGUTIL_FORMS.notAPackage.text(path));
  io.out(PKGUTIL_FORMS.payloadFiles.text(...found.files.map((file) => `${found.meta.location}/${file.path}`)));
  return 0;
}

function listIds({ root, io }: Call, pattern: string | undefined): number {
  const wanted = new RegExp(`^(?:${pattern ?? '.*'})$`);
  const ids = receiptIds(root).filter((id) => wanted.test(id));
  io.out(PKGUTIL_FORMS.ids.text(...ids));
  return ids.length === 0 && pattern !== undefined ? 1 : 0;
}

function showInfo({ root, io }: Call, id: string): number {
  const { version, location, installedAt } = receiptOrRefuse(root, id);
  io.out(PKGUTIL_FORMS.info.text(id, version, location, String(Math.floor(Date.parse(installedAt) / 1000))));
  return 0;
}

function showFiles({ root, io }: Call, id: string): number {
  io.out(
    receiptOrRefuse(root, id)
      .files.map((file) => `${file}\n`)
      .join(''),
  );
  return 0;
}

function forget({ root, io }: Call, id: string): number {
  receiptOrRefuse(root, id);
  forgetReceipt(root, id);
  io.out(PKGUTIL_FORMS.forgot.text(id));
  return 0;
}

function receiptOrRefuse(root: string, id: string): Receipt {
  const receipt = readReceipt(root, id);
  if (receipt === null) throw new Refusal(PKGUTIL_FORMS.noReceipt.text(id));
  return receipt;
}
