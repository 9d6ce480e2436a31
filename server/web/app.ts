/** What every page has at hand. */
import { createContext } from 'preact';
import { useContext, useEffect, useState } from 'preact/hooks';
import type { CommonWords } from '../../words/en.ts';
import type { Language } from '../../words/say.ts';
import type { WebWords } from '../../words/web.ts';
import type { SessionView } from '../api/account.ts';
import type { Answer, Api, ShownFault } from './api.ts';
import type { Navigate, Place } from './place.ts';

export type Words = CommonWords & { readonly web: WebWords };
export type Session = SessionView;
export type App = {
  readonly language: Language;
  readonly words: Words;
  readonly setLanguage: (language: Language) => void;
  readonly api: Api;
  readonly account: Session['account'];
  /** What the server lets this account do. */
  readonly rights: readonly string[];
  readonly setSession: (session: Session) => void;
  readonly place: Place;
  readonly navigate: Navigate;
  /** Shows a short notice, and says it to whoever does not see it. */
  readonly say: (text: string) => void;
};

/** From the server, once each. */
export const loadWords: Readonly<Record<Language, () => Promise<Words>>> = {
  en: async () => (await import('./words-en.ts')).words,
  ru: async () => (await import('./words-ru.ts')).words,
};

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error('a page outside of the console');
  return app;
}

export type Loaded<T> = {
  /** What came last; stays while something newer is on its way. */
  readonly value: T | null;
  readonly fault: ShownFault | null;
  readonly loading: boolean;
  readonly again: () => void;
};

/** Reads `path` of the API, and reads it again where it has become another; null reads nothing. */
export function useLoad<T>(path: string | null): Loaded<T> {
  const { api } = useApp();
  const [round, setRound] = useState(0);
  const [state, setState] = useState<Omit<Loaded<T>, 'again'>>({ value: null, fault: null, loading: true });
  useEffect(() => {
    if (path === null) return;
    const aborting = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    api.get<T>(path, aborting.signal).then((answer) => {
      setState(({ value }) =>
        answer.ok
          ? { value: answer.value, fault: null, loading: false }
          : { value, fault: answer.fault, loading: false },
      );
    });
    return () => aborting.abort();
  }, [api, path, round]);
  return { ...state, again: () => setRound((before) => before + 1) };
}

/** Reads `path` every `everyMs` while the page is looked at; keeps what came last where nothing comes. */
export function usePoll<T>(path: string, everyMs: number): T | null {
  const { api } = useApp();
  const [value, setValue] = useState<T | null>(null);
  useEffect(() => {
    const aborting = new AbortController();
    let waiting: number | undefined;
    const ask = async () => {
      const answer = document.hidden ? null : await api.poll<T>(path, aborting.signal);
      if (answer?.ok) setValue(answer.value);
      waiting = window.setTimeout(ask, everyMs);
    };
    void ask();
    return () => {
      aborting.abort();
      clearTimeout(waiting);
    };
  }, [api, path, everyMs]);
  return value;
}

/** One thing at a time that is sent to the server: whether it is on its way, and why it was refused. */
export function useSending(): {
  readonly busy: boolean;
  readonly fault: ShownFault | null;
  readonly clear: () => void;
  readonly run: <T>(send: () => Promise<Answer<T>>) => Promise<Answer<T>>;
} {
  const [state, setState] = useState<{ busy: boolean; fault: ShownFault | null }>({ busy: false, fault: null });
  return {
    ...state,
    clear: () => setState({ busy: false, fault: null }),
    run: async (send) => {
      setState({ busy: true, fault: null });
      const answer = await send();
      setState({ busy: false, fault: answer.ok ? null : answer.fault });
      return answer;
    },
  };
}
