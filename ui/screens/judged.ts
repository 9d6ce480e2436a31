/** What came of asking a server: the question of a first connection, or why there is none. */
import { type Fault, fault } from '../../protocol/fault.ts';
import type { ConnectRequest, Preflight } from '../../protocol/local.ts';
import type { ClientPurpose } from '../../protocol/schema.ts';
import type { QuestionScreen, RefusalScreen } from '../screen.ts';

export const questionScreen = (
  purpose: ClientPurpose,
  preflight: Preflight,
  order: ConnectRequest | null,
): QuestionScreen => ({ at: 'question', purpose, preflight, order, focus: 'cancel', pending: null, top: 0 });

export const refusalScreen = ({ purpose, server, fault: why, chain }: Preflight): RefusalScreen => ({
  at: 'refusal',
  purpose,
  server,
  // What nobody may accept here is not allowed, whatever else is known of it.
  fault: (why as Fault | null) ?? fault('not-assigned', { host: server }),
  certificate: chain[0] ?? null,
  asked: true,
  top: 0,
});
