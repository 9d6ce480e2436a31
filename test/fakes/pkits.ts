/** The cases of NIST PKITS (test/vectors/pkits) as lines of `thintrust decide --batch`. */
import { readFileSync } from 'node:fs';
import { toPem } from '../../protocol/certificate.ts';

export type PkitsCase = {
  readonly id: string;
  readonly title: string;
  /** Trust anchor first, leaf last. */
  readonly certs: readonly string[];
  readonly crls: readonly string[];
  readonly should_validate: boolean;
  readonly initial_policy_set: readonly string[];
  readonly initial_explicit_policy: boolean;
  readonly initial_policy_mapping_inhibit: boolean;
  readonly initial_inhibit_any_policy: boolean;
};

export const pkitsTime = '2011-04-15T00:00:00Z';

const vectors = new URL('../vectors/', import.meta.url);
const read = (path: string): Buffer => readFileSync(new URL(path, vectors));

export const pkitsCases = JSON.parse(read('pkits/cases.json').toString('utf8')) as readonly PkitsCase[];
/** Where the engine is known to differ from the suite, by id; the verdict is then a refusal with this fault. */
export const pkitsDivergences = JSON.parse(read('pkits-divergences.json').toString('utf8')) as readonly {
  readonly id: string;
  readonly fault: string;
  readonly reason: string;
}[];

export const nameOf = ({ id, title }: PkitsCase): string => `${id} ${title}`;
export const certificatePem = (name: string): string => toPem(read(`pkits/certs/${name}.crt`));
export const crlPem = (name: string): string => toPem(read(`pkits/crls/${name}.crl`), 'X509 CRL');

export function toLine(row: PkitsCase, purpose = 'server'): string {
  const [anchor = '', ...rest] = row.certs;
  return JSON.stringify({
    id: nameOf(row),
    purpose,
    at: pkitsTime,
    anchors: [certificatePem(anchor)],
    intermediates: rest.slice(0, -1).map(certificatePem),
    leaf: certificatePem(rest.at(-1) ?? ''),
    crls: row.crls.map(crlPem),
    policy: {
      initial: row.initial_policy_set,
      explicit: row.initial_explicit_policy,
      inhibitMapping: row.initial_policy_mapping_inhibit,
      inhibitAny: row.initial_inhibit_any_policy,
    },
  });
}
