/** Imports go one way: `main → loop, edge → core → protocol`; agent, ui and server meet on the wire only. */
import { posix } from 'node:path';
import { importsOf, type Source } from './sources.ts';

const anywhere = 'anywhere';

/**
 * What each zone may import besides itself. A zone is a path up to a `/`, or one file; the longest that fits holds.
 * Anyone may import `words`.
 */
const zones: Readonly<Record<string, readonly string[] | typeof anywhere>> = {
  'protocol/': ['build/'],
  'words/': ['protocol/'],
  'native/': ['protocol/'],
  'agent/core/': ['protocol/'],
  'agent/edge/': ['agent/core/', 'protocol/', 'native/'],
  'agent/cli/': ['agent/', 'agent/core/', 'agent/edge/', 'protocol/'],
  'agent/': ['agent/core/', 'protocol/'],
  'agent/main.ts': ['agent/', 'agent/core/', 'agent/edge/', 'protocol/', 'native/'],
  'agent/session.ts': ['agent/edge/', 'protocol/'],
  'ui/': ['protocol/'],
  'server/core/': ['protocol/'],
  'server/api/': ['server/core/', 'protocol/'],
  'server/edge/': ['server/api/', 'server/core/', 'protocol/', 'native/'],
  'server/web/': ['server/api/', 'server/core/', 'protocol/'],
  'server/cli/': ['server/', 'server/api/', 'server/core/', 'server/edge/', 'protocol/'],
  'server/': ['server/core/', 'protocol/'],
  'server/main.ts': ['server/', 'server/core/', 'server/edge/', 'server/cli/', 'protocol/', 'native/'],
  'scripts/': anywhere,
  'bench/': anywhere,
  'test/': anywhere,
};
const schemas = ['protocol/schema.ts', 'protocol/local.ts', 'protocol/session.ts', 'protocol/shapes.ts'];
/** TypeBox and the ajv compiler stay off the device. */
const schemaLoaders = ['server/core/', 'server/edge/', 'server/api/', 'server/cli/', 'scripts/', 'test/', 'bench/'];
/** What server and browser do by the same lines: they load nothing but `protocol`. */
const judgedTwice = ['server/core/csv.ts', 'server/core/issue-order.ts', 'server/core/job.ts', 'server/core/user.ts'];
const compilers = /^(@sinclair\/typebox|ajv)(\/|$)/;

/** One line for each import that breaks the rule. */
export function checkImports({ path, text }: Source): readonly string[] {
  const zone = zoneOf(path);
  const allowed = zone === null ? [] : (zones[zone] ?? []);
  return importsOf(text).flatMap(({ from, typeOnly }) => {
    const loadsSchemas = schemaLoaders.some((loader) => path.startsWith(loader));
    if (zone === 'server/web/' && from.startsWith('node:') && !typeOnly) return [`${path} loads ${from}`];
    if (!from.startsWith('.'))
      return compilers.test(from) && !typeOnly && !loadsSchemas && !schemas.includes(path)
        ? [`${path} loads ${from}`]
        : [];
    const target = posix.normalize(posix.join(posix.dirname(path), from));
    if (schemas.includes(target) && !schemas.includes(path) && !typeOnly && !loadsSchemas)
      return [`${path} loads ${target}: import its types only`];
    if (target.startsWith('build/') && allowed !== anywhere && path !== 'protocol/validate.ts')
      return [`${path} imports ${target}: go through protocol/validate.ts`];
    const to = zoneOf(target);
    if (zone === null) return [`${path} lies in no zone`];
    if (judgedTwice.includes(path) && to !== 'protocol/' && !typeOnly)
      return [`${path} loads ${target}: so would the browser`];
    if (zone === 'server/web/' && to === 'server/core/' && !judgedTwice.includes(target))
      return [`${path} imports ${target}`];
    if (zone === 'server/web/' && to === 'server/api/' && !typeOnly)
      return [`${path} loads ${target}: import its types only`];
    if (to === zone || to === 'words/' || allowed === anywhere) return [];
    return to !== null && allowed.includes(to) ? [] : [`${path} imports ${target}`];
  });
}

function zoneOf(path: string): string | null {
  const fitting = [...Object.keys(zones), 'build/'].filter((zone) => path.startsWith(zone));
  return fitting.sort((a, b) => b.length - a.length)[0] ?? null;
}
