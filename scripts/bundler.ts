/**
 * One file per program: esbuild, CommonJS, with what the device never uses left out. A bundle finds `thintrust.node` and
 * blessed's `usr/` beside itself, so its folder can be moved as a whole.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

export type Program = {
  readonly entry: string;
  readonly out: string;
  readonly target: 'node20' | 'node24';
};

export const programs: readonly Program[] = [
  { entry: 'agent/main.ts', out: 'thintrustd', target: 'node20' },
  { entry: 'agent/cli/main.ts', out: 'thintrust', target: 'node20' },
  { entry: 'agent/session.ts', out: 'thintrust-session', target: 'node20' },
  { entry: 'ui/main.ts', out: 'thintrust-ui', target: 'node20' },
  { entry: 'server/main.ts', out: 'thintrust-server', target: 'node24' },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const blessed = dirname(createRequire(import.meta.url).resolve('blessed/package.json'));
const addon = join(root, 'build/native/thintrust.node');
/** Said before anything is loaded: on an older Node the bundle would fail with a missing module instead. */
const serverNode = `{ const [a, b] = process.versions.node.split('.').map(Number);
if (a < 24 || (a === 24 && b < 7)) {
  console.error('thintrust-server needs Node 24.7 or newer; this is ' + process.version);
  process.exit(1);
} }
`;
const version: string = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;

/**
 * What the clock of a device never goes below: SOURCE_DATE_EPOCH (seconds), else the time of the last commit, so that the
 * same source gives the same bytes; in a tree without history the beginning of its year of release.
 */
function builtMs(): number {
  const epoch = process.env['SOURCE_DATE_EPOCH'] ?? lastCommit();
  return epoch ? Number(epoch) * 1000 : Date.UTC(2026, 0, 1);
}

function lastCommit(): string {
  try {
    return execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return '';
  }
}

const importMetaUrl = `const importMetaUrl = require('node:url').pathToFileURL(__filename).href;\n`;

/**
 * Writes `<folder>/<out>.cjs`, executable, its source map apart, and answers with the files that are in it, relative to the
 * working directory. Throws what esbuild complains of, warnings too.
 */
export async function bundleProgram({ entry, out, target }: Program, folder: string): Promise<readonly string[]> {
  const outfile = join(folder, `${out}.cjs`);
  const result = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target,
    nodePaths: [join(root, 'node_modules')],
    sourcemap: 'external',
    metafile: true,
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'silent',
    define: {
      'import.meta.url': 'importMetaUrl',
      THINTRUST_VERSION: JSON.stringify(version),
      THINTRUST_BUILT: String(builtMs()),
    },
    banner: { js: `#!/usr/bin/env node\n${target === 'node24' ? serverNode : ''}${importMetaUrl}` },
    plugins: target === 'node20' ? [slimMqtt, plainBlessed] : [],
  });
  const [warning] = result.warnings;
  if (warning) throw new Error(`${entry}: ${warning.text} (${warning.location?.file}:${warning.location?.line})`);
  chmodSync(outfile, 0o755);
  return Object.entries(result.metafile.outputs[relative(process.cwd(), outfile)]?.inputs ?? {})
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => path);
}

/** What bundles load at run time: the addon where it has been built, and the terminal descriptions of the screens. */
export function copyCompanions(folder: string): void {
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, basename(addon)), { force: true });
  if (existsSync(addon)) cpSync(addon, join(folder, basename(addon)));
  for (const name of ['linux', 'xterm', 'xterm-256color', 'xterm.termcap'])
    cpSync(join(blessed, 'usr', name), join(folder, 'usr', name));
}

/**
 * The MQTT client without websocket, SOCKS, browser timers, debug output and the cache of topic aliases (MQTT 5), and on
 * Node's own streams: a third less resident memory. A transport that was left out throws when it is asked for.
 */
const slimMqtt: Plugin = {
  name: 'slim-mqtt',
  setup({ onResolve, onLoad }) {
    const mqtt = /node_modules\/(mqtt|mqtt-packet|bl)\//;
    onResolve({ filter: /^readable-stream$/ }, ({ importer }) =>
      mqtt.test(importer) ? { path: 'node:stream', external: true } : null,
    );
    onResolve({ filter: /^debug$/ }, () => ({ path: 'debug', namespace: 'silent' }));
    onResolve({ filter: /^(\.\/(ws|wx|ali|socks)|worker-timers|lru-cache)$/ }, ({ path, importer }) =>
      mqtt.test(importer) ? { path, namespace: 'left-out' } : null,
    );
    onLoad({ filter: /./, namespace: 'silent' }, () => ({
      contents: `module.exports = () => Object.assign(() => {}, { enabled: false, extend: module.exports });`,
    }));
    onLoad({ filter: /./, namespace: 'left-out' }, ({ path }) => ({
      contents: `module.exports = () => { throw new Error(${JSON.stringify(`${path} is not in this build`)}); };`,
    }));
  },
};

/** Widgets that start programs, draw images or need fonts: no screen of ours has them. */
const unusedWidgets = ['ANSIImage', 'BigText', 'FileManager', 'Image', 'OverlayImage', 'Terminal', 'Video'];

const plainBlessed: Plugin = {
  name: 'plain-blessed',
  setup({ onLoad }) {
    onLoad({ filter: /\/blessed\/lib\/widget\.js$/ }, ({ path }) => {
      const names = /widget\.classes = \[([^\]]*)\]/.exec(readFileSync(path, 'utf8'))?.[1]?.match(/\w+/g);
      if (!names) throw new Error('blessed lists its widgets in another way now');
      const lines = names
        .filter((name) => !unusedWidgets.includes(name))
        .map((name) => `exports.${name} = exports.${name.toLowerCase()} = require('./widgets/${name.toLowerCase()}');`);
      return { contents: `exports.classes = [];\n${lines.join('\n')}\nexports.ListBar = exports.Listbar;` };
    });
    onLoad({ filter: /\/blessed\/lib\/tput\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const moved = text.replaceAll(`__dirname + '/../usr/`, `__dirname + '/usr/`);
      if (moved === text) throw new Error('blessed finds its terminal descriptions in another way now');
      return { contents: moved };
    });
  },
};
