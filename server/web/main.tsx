/** The Web Console: who is signed in, where they are, and in which language. */
import { render } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Language, languageOf } from '../../words/say.ts';
import { createApi } from './api.ts';
import { type App, AppContext, loadWords, type Session, type Words } from './app.ts';
import { UnreachablePage } from './pages/notices.tsx';
import { SetupPage } from './pages/setup.tsx';
import { SignInPage, type SignInReason } from './pages/sign-in.tsx';
import { firstPage } from './pages.ts';
import { usePlace } from './place.ts';
import { Shell } from './shell.tsx';
import './style/base.css';
import './style/shell.css';
import './style/form.css';
import './style/table.css';
import './style/groups.css';
import './style/pages.css';
import './style/settings.css';
import './style/jobs.css';
import './style/steps.css';

type Stage =
  | { readonly at: 'starting' }
  | { readonly at: 'unreachable' }
  | { readonly at: 'outside'; readonly reason: SignInReason }
  | { readonly at: 'inside'; readonly session: Session };

/** Words are null until they are there. */
type Spoken = { readonly language: Language; readonly words: Words | null };

const nobody: Session = {
  account: {
    id: '',
    name: '',
    fullName: '',
    email: '',
    roles: [],
    actions: [],
    language: 'en',
    secondFactor: false,
    disabled: false,
    createdAt: 0,
  },
  csrf: '',
};
const languageKey = 'thintrust-language';
const noticeMs = 6000;
const retryMs = 5000;

function Console() {
  const [stage, setStage] = useState<Stage>({ at: 'starting' });
  const { language, words, setLanguage } = useLanguage();
  const [place, navigate] = usePlace();
  const [reached, setReached] = useState(true);
  const [notice, say] = useNotice();
  const csrf = useRef<string | null>(null);
  const api = useMemo(
    () =>
      createApi({
        csrf: () => csrf.current,
        // A page may have asked several things at once: the first answer says why.
        sessionLost: () =>
          setStage((now) =>
            now.at === 'outside' ? now : { at: 'outside', reason: now.at === 'inside' ? 'ended' : null },
          ),
        reached: setReached,
      }),
    [],
  );
  const setSession = useCallback((session: Session) => {
    csrf.current = session.csrf;
    setStage({ at: 'inside', session });
  }, []);
  const start = useCallback(async () => {
    const answer = await api.get<Session>('/session');
    if (answer.ok) {
      setLanguage(answer.value.account.language);
      setSession(answer.value);
    } else if (answer.fault.code !== 'session-needed')
      setStage((now) => (now.at === 'inside' ? now : { at: 'unreachable' }));
  }, [api, setLanguage, setSession]);
  useEffect(() => {
    start();
  }, [start]);
  useRetry(reached, start);

  const session = stage.at === 'inside' ? stage.session : nobody;
  const app: App | null = words && {
    language,
    words,
    setLanguage,
    api,
    account: session.account,
    rights: session.account.actions,
    setSession,
    place,
    navigate,
    say,
  };
  const entry = stage.at === 'inside' && ['/', '/signin', '/setup'].includes(place.path);
  useEffect(() => {
    if (entry) navigate(firstPage(session.account.actions), 'replace');
  }, [entry, navigate, session]);
  const signOut = async () => {
    await api.send('DELETE', '/session');
    csrf.current = null;
    setStage({ at: 'outside', reason: 'signed-out' });
    navigate('/signin');
  };
  if (app === null) return null;
  return (
    <AppContext.Provider value={app}>
      {stage.at === 'unreachable' && <UnreachablePage again={start} />}
      {stage.at === 'outside' && (place.path === '/setup' ? <SetupPage /> : <SignInPage reason={stage.reason} />)}
      {stage.at === 'inside' && !entry && <Shell onSignOut={signOut} reached={reached} />}
      <div class={notice ? 'notice notice-shown' : 'notice'} role="status">
        {notice}
      </div>
    </AppContext.Provider>
  );
}

/** What somebody chose here before, else what the browser asks for. */
function useLanguage(): Spoken & { readonly setLanguage: (language: Language) => void } {
  const [spoken, speak] = useState<Spoken>(() => ({
    language: languageOf(localStorage.getItem(languageKey) ?? navigator.language),
    words: null,
  }));
  const wanted = useRef(spoken.language);
  const take = useCallback((language: Language) => {
    wanted.current = language;
    loadWords[language]().then(
      (words) =>
        speak((before) => (before.words !== null && wanted.current !== language ? before : { language, words })),
      // The server is away: the language of before stays, and the first one comes with the page loaded anew.
      () => {},
    );
  }, []);
  useEffect(() => take(wanted.current), [take]);
  useEffect(() => {
    document.documentElement.lang = spoken.language;
  }, [spoken.language]);
  const setLanguage = useCallback(
    (language: Language) => {
      localStorage.setItem(languageKey, language);
      take(language);
    },
    [take],
  );
  return { ...spoken, setLanguage };
}

function useNotice(): readonly [string, (text: string) => void] {
  const [notice, setNotice] = useState('');
  useEffect(() => {
    if (!notice) return;
    const timer = setTimeout(() => setNotice(''), noticeMs);
    return () => clearTimeout(timer);
  }, [notice]);
  return [notice, setNotice];
}

/** As long as the server does not answer it is asked again. */
function useRetry(reached: boolean, ask: () => void): void {
  useEffect(() => {
    if (reached) return;
    const timer = setInterval(ask, retryMs);
    return () => clearInterval(timer);
  }, [reached, ask]);
}

const root = document.getElementById('app');
if (root) render(<Console />, root);
