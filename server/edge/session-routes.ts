/** What the Web Console alone offers: setup, signing in and out, and the own account. */
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { bad, good, type Result } from '../../protocol/fault.ts';
import { language, secondFactorOffer, secondFactorSet, sessionView, setupView } from '../api/account.ts';
import { hasAccounts } from './accounts.ts';
import { closed, done } from './admin-route.ts';
import {
  changeOwnLanguage,
  changeOwnPassword,
  confirmSecondFactor,
  type Desk,
  offerSecondFactor,
  removeOwnSecondFactor,
  type SignedIn,
  sessionViewOf,
  setUpAndSignIn,
  signIn,
  signOut,
} from './sign-in.ts';

export type SessionCall = {
  readonly body: unknown;
  /** Network address of whoever asks. */
  readonly from: string;
  readonly signedIn: SignedIn | null;
  /** As it came. */
  readonly cookie: string | null;
};
/** `cookie`: the new one; null takes it away; left out, it stays. */
export type SessionAnswer = { readonly value: unknown; readonly cookie?: string | null };
export type SessionRoute = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly url: string;
  readonly open: boolean;
  readonly body?: TSchema;
  readonly answer: TSchema;
  readonly run: (desk: Desk, call: SessionCall) => Promise<Result<SessionAnswer>>;
};

const text = (maxLength: number) => Type.String({ maxLength });
const typed = text(1000);
const code = Type.String({ minLength: 1, maxLength: 40 });

/** For whoever comes. */
const openTo = <S extends TSchema>(
  route: Pick<SessionRoute, 'method' | 'url' | 'answer'>,
  body: S,
  run: (desk: Desk, body: Static<S>, call: SessionCall) => Promise<Result<SessionAnswer>>,
): SessionRoute => ({ ...route, open: true, body, run: (desk, call) => run(desk, call.body as Static<S>, call) });

/** For who is signed in. */
const own = (
  route: Pick<SessionRoute, 'method' | 'url' | 'answer' | 'body'>,
  run: (desk: Desk, signedIn: SignedIn, call: SessionCall) => Promise<Result<SessionAnswer>>,
): SessionRoute => ({
  ...route,
  open: false,
  run: async (desk, call) => (call.signedIn ? run(desk, call.signedIn, call) : bad('session-needed')),
});

const plain = <T>(result: Result<T>): Result<SessionAnswer> => (result.ok ? good({ value: result.value }) : result);

/** The session of before, if there was one, is over. */
function opened(
  desk: Desk,
  { cookie }: SessionCall,
  result: Awaited<ReturnType<typeof signIn>>,
): Result<SessionAnswer> {
  if (!result.ok) return result;
  if (cookie !== null) desk.sessions.end(cookie);
  return good({ value: result.value.view, cookie: result.value.cookie });
}

export const sessionRoutes: readonly SessionRoute[] = [
  {
    method: 'GET',
    url: '/setup',
    open: true,
    answer: setupView,
    run: async ({ server }) => good({ value: { needed: !(await hasAccounts(server)) } }),
  },
  openTo(
    { method: 'POST', url: '/setup', answer: sessionView },
    Type.Object(
      {
        token: text(200),
        name: text(120),
        password: typed,
        fullName: Type.Optional(text(200)),
        email: Type.Optional(text(200)),
        language: Type.Optional(language),
      },
      closed,
    ),
    async (desk, body, call) => opened(desk, call, await setUpAndSignIn(desk, call.from, body)),
  ),
  openTo(
    { method: 'POST', url: '/session', answer: sessionView },
    Type.Object({ name: text(120), password: typed, code: Type.Optional(text(40)) }, closed),
    async (desk, body, call) => opened(desk, call, await signIn(desk, call.from, body)),
  ),
  own({ method: 'GET', url: '/session', answer: sessionView }, async (_desk, signedIn) =>
    good({ value: sessionViewOf(signedIn) }),
  ),
  own({ method: 'DELETE', url: '/session', answer: done }, async (desk, signedIn, { cookie }) => {
    const over = await signOut(desk, cookie ?? '', signedIn);
    return over.ok ? good({ value: null, cookie: null }) : over;
  }),
  own(
    {
      method: 'PUT',
      url: '/session/password',
      answer: sessionView,
      body: Type.Object({ current: typed, password: typed }, closed),
    },
    async (desk, signedIn, call) => {
      const body = call.body as { readonly current: string; readonly password: string };
      return opened(desk, call, await changeOwnPassword(desk, call.from, signedIn, body));
    },
  ),
  own(
    { method: 'PUT', url: '/session/language', answer: sessionView, body: Type.Object({ language }, closed) },
    async (desk, signedIn, call) =>
      plain(await changeOwnLanguage(desk, signedIn, (call.body as { readonly language: 'en' | 'ru' }).language)),
  ),
  own(
    {
      method: 'POST',
      url: '/session/second-factor',
      answer: secondFactorOffer,
      body: Type.Object({ password: typed }, closed),
    },
    async (desk, signedIn, call) =>
      plain(await offerSecondFactor(desk, call.from, signedIn, (call.body as { readonly password: string }).password)),
  ),
  own(
    {
      method: 'PUT',
      url: '/session/second-factor',
      answer: secondFactorSet,
      body: Type.Object({ code }, closed),
    },
    async (desk, signedIn, call) =>
      plain(await confirmSecondFactor(desk, signedIn, (call.body as { readonly code: string }).code)),
  ),
  own(
    {
      method: 'DELETE',
      url: '/session/second-factor',
      answer: sessionView,
      body: Type.Object({ password: typed }, closed),
    },
    async (desk, signedIn, call) =>
      plain(
        await removeOwnSecondFactor(desk, call.from, signedIn, (call.body as { readonly password: string }).password),
      ),
  ),
];
