/** What the control API takes: each path, the body it reads, and the question to the core it becomes. */
import { bad, good, type Result } from '../../protocol/fault.ts';
import { maxControlBytes, maxImportBodyBytes, maxRepairBodyBytes, maxRotationsBytes } from '../../protocol/limits.ts';
import type { ImportRequest, Severity } from '../../protocol/local.ts';
import { read, type Shape, type ShapeName } from '../../protocol/validate.ts';
import type { Ask } from '../core/shape.ts';
import { type Media, repairText } from './media.ts';

/** A question, and the password that stays behind for the launch. */
export type Wish = { readonly ask: Ask; readonly password: string | null };
export type Question = {
  readonly maxBytes: number;
  /** HTTP status when the core has agreed. */
  readonly status: 200 | 202;
  /** Faults: those of `read`, and of the files an import names. */
  readonly read: (body: Uint8Array, media: Media) => Promise<Result<Wish>>;
};
export type LogQuery = { readonly severity: Severity; readonly before: number | null; readonly limit: number };

const mostRecords = 1000;
const severities: readonly Severity[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'];

/** `POST`, console socket only. */
export const questions: Readonly<Record<string, Question>> = {
  '/register': question('registerRequest', (order) => ({ do: 'register', order }), maxControlBytes, 202),
  '/code': question('codeRequest', ({ code }) => ({ do: 'code', code })),
  '/preflight': question('preflightRequest', (body) => ({ do: 'preflight', ...body })),
  '/connect': {
    maxBytes: maxControlBytes,
    status: 200,
    read: async (bytes) => {
      const body = read('connectRequest', bytes, maxControlBytes);
      if (!body.ok) return body;
      const { password, ...rest } = body.value;
      return good({ ask: { do: 'connect', ...rest }, password });
    },
  },
  '/certificates/add': question('addRequest', (body) => ({ do: 'add', ...body })),
  '/certificates/remove': question('removeRequest', (body) => ({ do: 'remove', ...body })),
  '/certificates/import': {
    maxBytes: maxImportBodyBytes,
    status: 200,
    read: async (bytes, media) => {
      const body = read('importRequest', bytes, maxImportBodyBytes);
      if (!body.ok) return body;
      const files = await contentsOf(body.value.files, media);
      return files.ok ? good({ ask: { do: 'import', ...body.value, files: files.value }, password: null }) : files;
    },
  },
  '/certificates/follow': question('followRequest', (body) => ({ do: 'follow', ...body }), maxRotationsBytes),
  '/settings': question('settingsRequest', (body) => ({ do: 'settings', ...body })),
  '/connection': question('connectionRequest', (body) => ({ do: 'connection', ...body })),
  '/time': question('timeRequest', (body) => ({ do: 'time', ...body })),
  '/reset': question('resetRequest', () => ({ do: 'reset' })),
  '/repair/check': repairQuestion('repairCheckRequest', (jws) => ({ do: 'check-repair', jws })),
  '/repair': repairQuestion('repairRequest', (jws, { rev }) => ({ do: 'repair', jws, rev })),
};

/** Fault: `bad-argument`; a word that is not known is none. */
export function readLogQuery(url: string): Result<LogQuery> {
  const [, search = ''] = url.split('?', 2);
  const words = new URLSearchParams(search);
  const severity = severities.find((each) => each === (words.get('severity') ?? 'trace'));
  if (!severity) return bad('bad-argument', { what: 'severity' });
  const before = numberIn(words.get('before'), Number.MAX_SAFE_INTEGER);
  if (before === undefined) return bad('bad-argument', { what: 'before' });
  const limit = numberIn(words.get('limit'), mostRecords);
  if (limit === undefined || limit === 0) return bad('bad-argument', { what: 'limit' });
  return good({ severity, before, limit: limit ?? 100 });
}

function question<Name extends ShapeName>(
  shape: Name,
  toAsk: (body: Shape<Name>) => Ask,
  maxBytes = maxControlBytes,
  status: Question['status'] = 200,
): Question {
  return {
    maxBytes,
    status,
    read: async (bytes) => {
      const body = read(shape, bytes, maxBytes);
      return body.ok ? good({ ask: toAsk(body.value), password: null }) : body;
    },
  };
}

function repairQuestion<Name extends 'repairCheckRequest' | 'repairRequest'>(
  shape: Name,
  toAsk: (jws: string, body: Shape<Name>) => Ask,
): Question {
  return {
    maxBytes: maxRepairBodyBytes,
    status: 200,
    read: async (bytes, media) => {
      const body = read(shape, bytes, maxRepairBodyBytes);
      if (!body.ok) return body;
      const { name, content } = body.value;
      const found = content === null ? await media.read(name) : good(content);
      return found.ok ? good({ ask: toAsk(repairText(found.value), body.value), password: null }) : found;
    },
  };
}

async function contentsOf(
  files: ImportRequest['files'],
  media: Media,
): Promise<Result<readonly { name: string; content: string }[]>> {
  const filled: { name: string; content: string }[] = [];
  for (const { name, content } of files) {
    const found = content === null ? await media.read(name) : good(content);
    if (!found.ok) return found;
    filled.push({ name, content: found.value });
  }
  return good(filled);
}

/** Null when it is not given, undefined when it is no number of the range. */
function numberIn(text: string | null, most: number): number | null | undefined {
  if (text === null) return null;
  const number = /^[0-9]{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return number <= most ? number : undefined;
}
