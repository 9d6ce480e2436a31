/** What came of asking a server: the question of a first connection, or why there is none. */
import type { Fault } from '../../protocol/fault.ts';
import type { ConnectRequest, Preflight } from '../../protocol/local.ts';
import type { ClientPurpose } from '../../protocol/schema.ts';
import type { QuestionScreen, RefusalScreen } from '../screen.ts';

export const questionScreen = (
  purpose: ClientPurpose,
  preflight: Preflight,
  order: ConnectRequest | null,
): QuestionScreen => ({ at: 'question', purpose, preflight, order, focus: 'cancel', pending: null, top: 0 });

export const refusalScreen = ({ purpose, server, fault, chain }: Preflight): RefusalScreen => ({
  at: 'refusal',
  purpose,
  server,
  // Whatever a newer agent left out is still a refusal.
  fault: (fault as Fault | null) ?? { code: 'internal', kind: 'broken', facts: {} },
  certificate: chain[0] ?? null,
  asked: true,
  top: 0,
});
