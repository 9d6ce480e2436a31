// biome-ignore-all lint/suspicious/noTemplateCurlyInString: bitbake writes its variables so too
/** The Yocto layer as far as it can be checked without bitbake, and that each thing that may go wrong with it is noticed. */
import { globSync, readFileSync, statSync } from 'node:fs';
import { assert, table, test } from '../harness.ts';
import { checkLayer } from './layer-rule.ts';

const places = [
  'yocto-layer/**',
  'rootfs-overlay/**',
  'packaging/server-overlay/**',
  'LICENSE',
  'package.json',
  'dist/THIRD-PARTY.txt',
];
const files = new Map(
  places
    .flatMap((place) => globSync(place))
    .filter((path) => !path.endsWith('.gz') && statSync(path).isFile())
    .map((path) => [path, readFileSync(path, 'utf8')] as const),
);

const recipe = 'yocto-layer/recipes-thintrust/thintrust/thintrust_0.1.0.bb';
const shared = 'yocto-layer/recipes-thintrust/thintrust/thintrust.inc';
const image = 'yocto-layer/recipes-thintrust/images/thintrust-image.bb';
const units = 'rootfs-overlay/usr/lib/systemd/system/';

test('the layer is whole', () => assert.equal(checkLayer(files), []));

type Row = {
  readonly name: string;
  readonly file: string;
  /** What is written instead of what; without it, the file is gone. */
  readonly change?: readonly [string | RegExp, string];
  readonly says: RegExp;
};

const rows: readonly Row[] = [
  { name: 'no README', file: 'yocto-layer/README.md', says: /names no maintainer/ },
  { name: 'README without an address', file: 'yocto-layer/README.md', change: [/@/g, ' at '], says: /no address/ },
  { name: 'no SECURITY', file: 'yocto-layer/SECURITY.md', says: /SECURITY\.md is empty or missing/ },
  {
    name: 'another series',
    file: 'yocto-layer/conf/layer.conf',
    change: ['scarthgap wrynose', 'wrynose'],
    says: /is for wrynose/,
  },
  {
    name: 'no meta-oe',
    file: 'yocto-layer/conf/layer.conf',
    change: [' openembedded-layer', ''],
    says: /does not depend on/,
  },
  { name: 'a file that is required is missing', file: shared, says: /thintrust\.inc is not there/ },
  {
    name: 'a download',
    file: shared,
    change: ['file://thintrust', 'https://example.com/thintrust'],
    says: /wants the network/,
  },
  { name: 'npm', file: shared, change: ['.tar.gz"', '.tar.gz npmsw://lock.json"'], says: /wants the network/ },
  {
    name: 'UNPACKDIR',
    file: shared,
    change: ['DEPENDS', 'UNPACKDIR ??= "${WORKDIR}"\nDEPENDS'],
    says: /UNPACKDIR differs/,
  },
  {
    name: 'another version',
    file: 'package.json',
    change: [/"version": "[^"]*"/, '"version": "9.9.9"'],
    says: /package\.json of 9\.9\.9/,
  },
  { name: 'our licence changed', file: 'LICENSE', change: ['MIT', 'XIT'], says: /the md5 of LICENSE is/ },
  {
    name: 'licences of others changed',
    file: 'dist/THIRD-PARTY.txt',
    change: ['MIT', 'MIT '],
    says: /the md5 of dist\/THIRD-PARTY\.txt is/,
  },
  { name: 'a licence that is not named', file: recipe, change: [' & ISC', ''], says: /LICENSE leaves out ISC/ },
  {
    name: 'a licence file left out',
    file: recipe,
    change: [/file:\/\/LICENSE;md5=\w+/, ''],
    says: /leaves out LICENSE/,
  },
  {
    name: 'a folder in no package',
    file: shared,
    change: ['${nonarch_libdir}/udev', ''],
    says: /media\.rules is in no package/,
  },
  {
    name: 'the server on a device',
    file: shared,
    change: ['${nonarch_libdir}/systemd/system/thintrust-server.service', ''],
    says: /thintrust-server\.service is in thintrust/,
  },
  {
    name: 'a file in two packages',
    file: shared,
    change: ['${nonarch_libdir}/thintrust/usr', '${bindir}/thintrust-server'],
    says: /is for thintrust-console and thintrust-server/,
  },
  {
    name: 'a unit that is gone',
    file: `${units}thintrust-trust.path`,
    says: /thintrust-trust\.path, which is in no overlay/,
  },
  { name: 'a unit nobody starts', file: shared, change: [' thintrust-trust.path', ''], says: /thintrust-trust\.path/ },
  {
    name: 'no systemd class',
    file: shared,
    change: [' systemd useradd', ' useradd'],
    says: /systemd is not inherited/,
  },
  {
    name: 'a user that is not made',
    file: shared,
    change: [/^USERADD_PARAM:\$\{PN\} = .*$/m, ''],
    says: /sysusers makes thintrust-session/,
  },
  {
    name: 'a user nobody knows',
    file: 'packaging/server-overlay/usr/lib/sysusers.d/thintrust-server.conf',
    says: /sysusers does not/,
  },
  { name: 'a user of other groups', file: shared, change: [',audio', ''], says: /thintrust-session: sysusers says/ },
  {
    name: 'a user of another name for people',
    file: shared,
    change: ['Remote desktop session', 'Sessions'],
    says: /useradd "Sessions"/,
  },
  { name: 'a group that is not made', file: shared, change: [' -r render;', ''], says: /leaves out render/ },
  { name: 'no partitions', file: image, change: ['thintrust-ab.wks.in', 'none.wks'], says: /there is no none\.wks/ },
];

table('what is wrong is said', rows, ({ file, change, says }) => {
  const text = files.get(file);
  assert.ok(text, `${file} is there`);
  const changed = change && text?.replace(...change);
  assert.is.not(changed, text, 'the row changes something');
  const broken = new Map(files);
  if (changed === undefined) broken.delete(file);
  else broken.set(file, changed);
  assert.match(checkLayer(broken).join('\n'), says);
});
