/**
 * What can be known of the Yocto layer without bitbake: its metadata is read as bitbake reads it (assignments, overrides,
 * `require`), as far as our recipes go, and held against the overlays, the licences and the version it belongs to.
 */
import { createHash } from 'node:crypto';

/** Text files by path, relative to the repository. */
export type Files = ReadonlyMap<string, string>;

const layer = 'yocto-layer/';
const recipes = `${layer}recipes-thintrust/thintrust/`;
const paths: Readonly<Record<string, string>> = {
  bindir: '/usr/bin',
  nonarch_libdir: '/usr/lib',
  datadir: '/usr/share',
  mandir: '/usr/share/man',
  sysconfdir: '/etc',
};
/** Where bitbake would need the network, or would build from what is not in the archive. */
const fetchers = /\b(https?|ftp|git|gitsm|npm|npmsw|ssh|s3|crate|hg|svn):\/\//;
const wantedSeries = ['scarthgap', 'wrynose'];
const unitsFolder = 'usr/lib/systemd/system/';

/** One sentence for each thing that is wrong; none where all is well. `dist/THIRD-PARTY.txt` is there after a build. */
export function checkLayer(files: Files): readonly string[] {
  const recipeNames = [...files.keys()].filter((path) => path.startsWith(recipes) && path.endsWith('.bb'));
  const [recipe] = recipeNames;
  if (recipe === undefined || recipeNames.length > 1) return [`${recipes}: one recipe is expected`];
  const version = /_([^_]+)\.bb$/.exec(recipe)?.[1] ?? '';
  const { values, complaints } = readRecipe(files, recipe, {
    PN: 'thintrust',
    BPN: 'thintrust',
    PV: version,
    ...paths,
  });
  return [
    ...complaints,
    ...checkDescription(files),
    ...checkSources(files, values),
    ...checkVersion(files, version),
    ...checkLicences(files, values),
    ...checkPackages(files, values),
    ...checkUnits(files, values),
    ...checkUsers(files, values),
    ...checkImage(files),
  ];
}

type Values = ReadonlyMap<string, string>;
type Recipe = { readonly values: Values; readonly complaints: readonly string[] };

/** Assignments of a recipe and what it requires, in their order; functions are passed over. */
function readRecipe(files: Files, path: string, builtIn: Readonly<Record<string, string>>): Recipe {
  const values = new Map(Object.entries(builtIn));
  const complaints: string[] = [];
  const read = (at: string) => {
    const text = files.get(at);
    if (text === undefined) {
      complaints.push(`${at} is not there`);
      return;
    }
    for (const line of text.replaceAll(/\\\n/g, ' ').split('\n')) {
      const required = /^(?:require|include)\s+(\S+)/.exec(line)?.[1];
      if (required !== undefined) read(at.replace(/[^/]+$/, required));
      const inherited = /^inherit\s+(.+)/.exec(line)?.[1];
      if (inherited !== undefined) values.set('INHERIT', `${values.get('INHERIT') ?? ''} ${inherited}`);
      const [, name, how, value] = /^([\w:${}.-]+)\s*(\?\?=|\?=|\+=|:=|=)\s*"(.*)"\s*$/.exec(line) ?? [];
      if (name === undefined || value === undefined) continue;
      const known = values.get(expand(name, values));
      if (how?.startsWith('?') && known !== undefined) continue;
      values.set(expand(name, values), how === '+=' ? `${known ?? ''} ${value}` : value);
    }
  };
  read(path);
  return { values, complaints };
}

const expand = (text: string, values: Values): string =>
  text.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => values.get(name) ?? whole);
const textOf = (values: Values, name: string): string => expand(values.get(name) ?? '', values);
const wordsOf = (text: string): readonly string[] => text.split(/\s+/).filter(Boolean);

/** What yocto-check-layer wants of README and SECURITY, and of layer.conf. */
function checkDescription(files: Files): readonly string[] {
  const readme = files.get(`${layer}README.md`) ?? '';
  const security = files.get(`${layer}SECURITY.md`) ?? '';
  const conf = files.get(`${layer}conf/layer.conf`) ?? '';
  const series = wordsOf(/^LAYERSERIES_COMPAT_thintrust = "(.*)"$/m.exec(conf)?.[1] ?? '');
  const depends = wordsOf(/^LAYERDEPENDS_thintrust = "(.*)"$/m.exec(conf)?.[1] ?? '');
  return [
    ...said(/maintainer/i.test(readme), 'README.md names no maintainer'),
    ...said(/patch/i.test(readme), 'README.md does not say where a patch goes'),
    ...said(/[^@\s]+@[^@\s]+/.test(readme), 'README.md has no address'),
    ...said(security.trim() !== '', 'SECURITY.md is empty or missing'),
    ...said(series.join() === wantedSeries.join(), `layer.conf is for ${series.join(' ') || 'no series'}`),
    ...said(depends.join() === 'core,openembedded-layer', 'layer.conf does not depend on core and openembedded-layer'),
    ...said(/^BBFILE_PATTERN_thintrust = "\^\$\{LAYERDIR\}\/"$/m.test(conf), 'layer.conf has another BBFILE_PATTERN'),
  ];
}

function checkSources(files: Files, values: Values): readonly string[] {
  const uris = wordsOf(textOf(values, 'SRC_URI'));
  const ours = [...files].filter(([path]) => path.startsWith(layer) && /\.(bb|bbappend|inc|conf|bbclass)$/.test(path));
  return [
    ...ours.flatMap(([path, text]) => said(!fetchers.test(withoutComments(text)), `${path} wants the network`)),
    ...ours.flatMap(([path, text]) =>
      said(!/\bUNPACKDIR\b/.test(text), `${path}: UNPACKDIR differs between the branches`),
    ),
    ...said(uris.join() === `file://thintrust-${values.get('PV')}.tar.gz`, `SRC_URI is ${uris.join(' ')}`),
    ...said(values.get('S') === undefined, 'S is set; the default is right on every branch'),
  ];
}

const withoutComments = (text: string): string => text.replaceAll(/^#.*$/gm, '');

function checkVersion(files: Files, version: string): readonly string[] {
  const wanted: string = JSON.parse(files.get('package.json') ?? '{}').version ?? '';
  return said(version === wanted, `the recipe is of version ${version}, package.json of ${wanted}`);
}

function checkLicences(files: Files, values: Values): readonly string[] {
  const sums = wordsOf(textOf(values, 'LIC_FILES_CHKSUM'));
  const named = wordsOf(textOf(values, 'LICENSE')).filter((word) => word !== '&');
  const notices = files.get('dist/THIRD-PARTY.txt');
  const kinds = wordsOf(/^Licences: (.*)$/m.exec(notices ?? '')?.[1] ?? '').filter((word) => word !== '&');
  const missing = [...new Set(['MIT', ...kinds])].filter((kind) => !named.includes(kind));
  return [
    ...['LICENSE', 'dist/THIRD-PARTY.txt'].flatMap((path) =>
      said(
        sums.some((sum) => sum.startsWith(`file://${path};`)),
        `LIC_FILES_CHKSUM leaves out ${path}`,
      ),
    ),
    ...sums.flatMap((sum) => {
      const [, path = '', md5] = /^file:\/\/([^;]+);md5=([0-9a-f]{32})$/.exec(sum) ?? [];
      const text = files.get(path);
      if (text === undefined) return [`LIC_FILES_CHKSUM: ${sum}: no such file`];
      const now = createHash('md5').update(text).digest('hex');
      return said(now === md5, `LIC_FILES_CHKSUM: the md5 of ${path} is ${now} now; look at what changed in it`);
    }),
    ...missing.map((kind) => `LICENSE leaves out ${kind}`),
  ];
}

/** Every file of the overlays goes to one package: bitbake asks them in their order, and the first that wants it gets it. */
function checkPackages(files: Files, values: Values): readonly string[] {
  const split = wordsOf(textOf(values, 'PACKAGE_BEFORE_PN'));
  const wanting = (path: string, name: string) =>
    wordsOf(textOf(values, `FILES:${name}`)).some(
      (place) => `/${path}` === place || `/${path}`.startsWith(`${place}/`),
    );
  return [...overlay(files, 'rootfs-overlay/'), ...overlay(files, 'packaging/server-overlay/')].flatMap((path) => {
    const special = split.filter((name) => wanting(path, name));
    if (path.startsWith('usr/share/man/'))
      return said(special.length === 0, `${path} is for -doc and ${special.join(' ')}`);
    const named = path.includes('thintrust-server') ? 'thintrust-server' : null;
    return [
      ...said(special.length < 2, `${path} is for ${special.join(' and ')}`),
      ...said(special.length > 0 || wanting(path, 'thintrust'), `${path} is in no package`),
      ...said((special[0] === 'thintrust-server') === (named !== null), `${path} is in ${special[0] ?? 'thintrust'}`),
    ];
  });
}

const overlay = (files: Files, folder: string): readonly string[] =>
  [...files.keys()]
    .filter((path) => path.startsWith(folder) && !path.endsWith('README.md'))
    .map((path) => path.slice(folder.length));

/** What the preset enables is what the packages start, and each unit is in the package that starts it. */
function checkUnits(files: Files, values: Values): readonly string[] {
  const units = [...overlay(files, 'rootfs-overlay/'), ...overlay(files, 'packaging/server-overlay/')]
    .filter((path) => path.startsWith(unitsFolder))
    .map((path) => path.slice(unitsFolder.length));
  const packages = wordsOf(textOf(values, 'SYSTEMD_PACKAGES'));
  const started = packages.flatMap((name) => wordsOf(textOf(values, `SYSTEMD_SERVICE:${name}`)));
  const installed = units.filter((unit) => /^\[Install\]$/m.test(textOfUnit(files, unit)));
  const presets = [...files].filter(([path]) => path.startsWith('rootfs-overlay/usr/lib/systemd/system-preset/'));
  const enabled = presets.flatMap(([, text]) => [...text.matchAll(/^enable (\S+)$/gm)].map((match) => match[1] ?? ''));
  const inherited = wordsOf(values.get('INHERIT') ?? '');
  return [
    ...['systemd', 'useradd', 'features_check'].flatMap((name) =>
      said(inherited.includes(name), `${name} is not inherited`),
    ),
    ...started.flatMap((unit) => said(units.includes(unit), `SYSTEMD_SERVICE names ${unit}, which is in no overlay`)),
    ...installed.flatMap((unit) => said(started.includes(unit), `${unit} can be started and no SYSTEMD_SERVICE does`)),
    ...enabled.flatMap((unit) =>
      said(started.includes(unit), `the preset enables ${unit}, and no SYSTEMD_SERVICE does`),
    ),
  ];
}

const textOfUnit = (files: Files, unit: string): string =>
  files.get(`rootfs-overlay/${unitsFolder}${unit}`) ??
  files.get(`packaging/server-overlay/${unitsFolder}${unit}`) ??
  '';

type User = {
  readonly name: string;
  readonly comment: string;
  readonly home: string;
  readonly groups: readonly string[];
};

function checkUsers(files: Files, values: Values): readonly string[] {
  const packages = wordsOf(textOf(values, 'USERADD_PACKAGES'));
  return packages.flatMap((name) => {
    const folder = name.endsWith('-server') ? 'packaging/server-overlay/' : 'rootfs-overlay/';
    const wanted = readSysusers(files, folder);
    const added = textOf(values, `USERADD_PARAM:${name}`).split(';').map(readUseradd);
    const groups = textOf(values, `GROUPADD_PARAM:${name}`)
      .split(';')
      .map((text) => wordsOf(text).at(-1) ?? '');
    const needed = [...wanted.groups, ...wanted.users.flatMap((user) => user.groups)];
    return [
      ...wanted.users.flatMap((user) => {
        const same = added.find((other) => other.name === user.name);
        if (!same) return [`sysusers makes ${user.name}, ${name} does not`];
        return said(
          describe(same) === describe(user),
          `${user.name}: sysusers says ${describe(user)}, useradd ${describe(same)}`,
        );
      }),
      ...added
        .filter((user) => !wanted.users.some((other) => other.name === user.name))
        .map((user) => `${name} makes ${user.name}, sysusers does not`),
      ...needed.flatMap((group) => said(groups.includes(group), `GROUPADD_PARAM:${name} leaves out ${group}`)),
    ];
  });
}

const describe = ({ comment, home, groups }: User): string => `"${comment}" ${home} [${[...groups].sort().join(' ')}]`;

function readSysusers(files: Files, folder: string): { users: readonly User[]; groups: readonly string[] } {
  const lines = overlay(files, folder)
    .filter((path) => path.startsWith('usr/lib/sysusers.d/'))
    .flatMap((path) => (files.get(folder + path) ?? '').split('\n'))
    .map((line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? ''))
    .filter(([kind]) => kind !== undefined && !kind.startsWith('#'));
  const memberOf = (name: string) =>
    lines.filter(([kind, user]) => kind === 'm' && user === name).map(([, , group = '']) => group);
  return {
    groups: lines.filter(([kind]) => kind === 'g').map(([, name = '']) => name),
    users: lines
      .filter(([kind]) => kind?.startsWith('u'))
      .map(([, name = '', , comment = '', home = '/']) => ({ name, comment, home, groups: memberOf(name) })),
  };
}

function readUseradd(text: string): User {
  const words = [...text.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '');
  const after = (flag: string): string => words[words.indexOf(flag) + 1] ?? '';
  const groups = words.includes('-G') ? after('-G').split(',') : [];
  return { name: words.at(-1) ?? '', comment: words.includes('-c') ? after('-c') : '', home: after('-d'), groups };
}

/** The example image installs what there is, on partitions the overlay knows. */
function checkImage(files: Files): readonly string[] {
  const folder = `${layer}recipes-thintrust/images/`;
  const image = files.get(`${folder}thintrust-image.bb`) ?? '';
  const partitions = /^WKS_FILE = "(.*)"$/m.exec(image)?.[1] ?? '';
  const table = files.get(folder + partitions);
  if (table === undefined) return [`thintrust-image.bb: there is no ${partitions || 'WKS_FILE'}`];
  const labels = [...table.matchAll(/--label (\S+)/g)].map((match) => match[1] ?? '');
  return ['thintrust-a', 'thintrust-b', 'thintrust-data'].flatMap((label) =>
    said(labels.includes(label), `${partitions} has no partition ${label}`),
  );
}

const said = (good: boolean, complaint: string): readonly string[] => (good ? [] : [complaint]);
