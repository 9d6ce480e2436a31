/** Figures as OpenMetrics text 1.0 (github.com/prometheus/OpenMetrics), of the agent and of the server alike. */

export type Sample = { readonly value: number; readonly labels?: Readonly<Record<string, string>> };
export type Family = {
  /** Without the prefix of the product; ends in its unit where it has one. */
  readonly name: string;
  readonly help: string;
  readonly unit?: 'seconds' | 'bytes';
  readonly samples: readonly Sample[];
};

export const metricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/** All of them are gauges: what holds now, to be read again. Times are Unix seconds. */
export const openMetrics = (families: readonly Family[]): string => `${families.map(familyText).join('')}# EOF\n`;

/** One sample for each name, 1 where it is the case. */
export const states = (label: string, all: readonly string[], now: string): readonly Sample[] =>
  all.map((name) => ({ labels: { [label]: name }, value: name === now ? 1 : 0 }));

function familyText({ name, help, unit, samples }: Family): string {
  const full = `thintrust_${name}`;
  const head = [`# TYPE ${full} gauge`, ...(unit ? [`# UNIT ${full} ${unit}`] : []), `# HELP ${full} ${quoted(help)}`];
  const rows = samples.map(({ value, labels = {} }) => `${full}${labelText(labels)} ${value}`);
  return [...head, ...rows].map((line) => `${line}\n`).join('');
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${quoted(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const quoted = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
