/** Small things that pages show: a page's head, states, faults, facts. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { inFours } from '../../../protocol/fours.ts';
import { sayFault } from '../../../words/say.ts';
import type { ShownFault } from '../api.ts';
import { useApp } from '../app.ts';
import { Icon, type IconName } from './icon.tsx';

export type Tone = 'good' | 'warn' | 'bad' | 'quiet';
type Children = { readonly children?: ComponentChildren };

/** One of these in each page: the heading takes the focus when somebody comes to the page. */
export function Page({
  title,
  lead,
  up,
  actions,
  wide,
  children,
}: Children & {
  readonly title: string;
  readonly lead?: string;
  /** The page this one belongs to. */
  readonly up?: { readonly href: string; readonly title: string };
  readonly actions?: ComponentChildren;
  /** For tables: takes all the width there is. */
  readonly wide?: boolean;
}) {
  const { words } = useApp();
  useEffect(() => {
    document.title = `${title} – ${words.web.shell.product}`;
  }, [title, words]);
  return (
    <div class={wide ? 'page page-wide' : 'page'}>
      <header class="page-head">
        <div>
          {up && (
            <a class="page-up" href={up.href}>
              <Icon name="previous" />
              {up.title}
            </a>
          )}
          <h1 tabIndex={-1}>{title}</h1>
          {lead && <p class="page-lead">{lead}</p>}
        </div>
        {actions && <div class="page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

export function Section({
  title,
  lead,
  arrives,
  children,
}: Children & {
  readonly title: string;
  readonly lead?: string;
  /** It answers what somebody just did, and takes the focus when it comes. */
  readonly arrives?: boolean;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (arrives) heading.current?.focus();
  }, [arrives]);
  return (
    <section class="section">
      <h2 ref={heading} tabIndex={arrives ? -1 : undefined}>
        {title}
      </h2>
      {lead && <p class="quiet">{lead}</p>}
      {children}
    </section>
  );
}

const toneIcons: Readonly<Record<Tone, IconName>> = { good: 'check', warn: 'clock', bad: 'alert', quiet: 'dash' };

/** A state: a picture and a word, and only then a colour. */
export const Status = ({
  tone,
  icon,
  text,
}: {
  readonly tone: Tone;
  readonly icon?: IconName;
  readonly text: string;
}) => (
  <span class={`status status-${tone}`}>
    <Icon name={icon ?? toneIcons[tone]} />
    {text}
  </span>
);

const noteIcons: Readonly<Record<Tone, IconName>> = { good: 'check', warn: 'alert', bad: 'stop', quiet: 'info' };

export const Note = ({ tone, title, children }: Children & { readonly tone: Tone; readonly title?: string }) => (
  <div class={`note note-${tone}`} role={tone === 'bad' ? 'alert' : undefined}>
    <Icon name={noteIcons[tone]} />
    <div>
      {title && <strong class="note-title">{title}</strong>}
      {children}
    </div>
  </div>
);

/** Why something was refused, in the language of whoever reads it. */
export function FaultNote({ fault, again }: { readonly fault: ShownFault | null; readonly again?: () => void }) {
  const { words } = useApp();
  if (!fault) return null;
  return (
    <Note tone="bad">
      {sayFault(words, fault)}{' '}
      {again && (
        <button type="button" class="link" onClick={again}>
          {words.web.shell.again}
        </button>
      )}
    </Note>
  );
}

export type FactRow = readonly [name: string, value: ComponentChildren];

export const Facts = ({ rows }: { readonly rows: readonly FactRow[] }) => (
  <dl class="facts">
    {rows.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);

/** SHA-256 in groups of four. */
export const Fingerprint = ({ value }: { readonly value: string }) => <code class="fingerprint">{inFours(value)}</code>;

export function Loading() {
  const { words } = useApp();
  return <p class="loading">{words.web.shell.loading}</p>;
}

/** Heard, and not seen. */
export const Unseen = ({ text }: { readonly text: string }) => <span class="unseen">{text}</span>;
