/** What decides has no clock, no chance, no I/O and no memory of its own: time and randomness arrive in events. */
import { isBuiltin } from 'node:module';
import { transformSync } from 'esbuild';
import { importsOf, type Source } from './sources.ts';

const pure = /^(protocol\/|words\/|agent\/core\/|server\/(api|core)\/|ui\/(?!edge\/|main\.ts$|loop\.ts$))/;
const cryptoNames = 'createHash createHmac hash hkdfSync verify createPublicKey timingSafeEqual X509Certificate'.split(
  ' ',
);
const quietModules = 'buffer path url util'.split(' ');
const packages = /^(@sinclair\/typebox|node-forge\/lib\/asn1\.js|uqr)$/;
const mark = '__not_pure_';
const banned = (
  'process console performance fetch crypto require global globalThis Function eval queueMicrotask ' +
  'setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate Worker WebSocket'
).split(' ');
/** Globals of which only these uses are pure; the reference has become its marker by then. */
const watched: Readonly<Record<string, RegExp>> = {
  Date: /^(\.(parse|UTC)\(|\((?!\)))/,
  Math: /^\.(?!random\b)\w/,
};

export const isPure = (path: string): boolean => pure.test(path);

/** One line for each breach. References are found with their scopes: a parameter named `process` is nobody's business. */
export function checkPurity({ path, text }: Source): readonly string[] {
  return [...checkModules(text), ...checkGlobals(text), ...checkShape(text)].map((breach) => `${path}: ${breach}`);
}

function checkModules(text: string): readonly string[] {
  return importsOf(text).flatMap(({ from, typeOnly, names }) => {
    const name = from.replace(/^node:/, '');
    if (typeOnly || from.startsWith('.') || packages.test(from) || quietModules.includes(name)) return [];
    if (name !== 'crypto') return [`${isBuiltin(from) ? 'module' : 'package'} ${from}`];
    const wrong = names === null ? ['*'] : names.filter((one) => !cryptoNames.includes(one));
    return wrong.map((one) => `node:crypto ${one}`);
  });
}

function checkGlobals(text: string): readonly string[] {
  const names = [...banned, ...Object.keys(watched)];
  const define = Object.fromEntries(names.map((name) => [name, mark + name]));
  // Without comments and types, and with strings left as they are, every marker in the output is a real reference.
  const { code } = transformSync(text, {
    loader: 'ts',
    format: 'esm',
    define,
    minifyWhitespace: true,
    minifySyntax: false,
  });
  return [...code.matchAll(new RegExp(`(new )?${mark}(\\w+)`, 'g'))].flatMap((found) => {
    const [whole, constructed, name = ''] = found;
    const behind = code.slice(found.index + whole.length);
    const allowed = watched[name]?.test(behind) === true && (!behind.startsWith('(') || constructed !== undefined);
    return allowed ? [] : [`${name}${/^\.\w+/.exec(behind)?.[0] ?? ''}`];
  });
}

function checkShape(text: string): readonly string[] {
  const state = /^(?:export )?(?:let|var) (\w+)/gm;
  const shape = /^(?:export )?(?:abstract )?class (\w+)/gm;
  return [
    ...[...text.matchAll(state)].map(([, name]) => `module-level state ${name}`),
    ...[...text.matchAll(shape)].map(([, name]) => `class ${name}`),
  ];
}
