/** Which broker a server runs with. */
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import { embeddedBroker } from '../edge/broker-embedded.ts';
import type { StartBroker } from '../edge/service.ts';
import { textOption, type Words } from './command.ts';

type Chosen = { readonly ok: true; readonly value: StartBroker } | { readonly ok: 'misused'; readonly text: string };

const kinds = ['embedded'];

/** `--broker`, by default the one inside the server. */
export function brokerOf(given: Words): Chosen {
  const kind = textOption(given, 'broker') ?? 'embedded';
  if (!kinds.includes(kind))
    return { ok: 'misused', text: fill(words.badChoice, { name: 'broker', choices: kinds.join(', ') }) };
  return {
    ok: true,
    value: ({ server, fleet, tls, identity }) =>
      embeddedBroker({
        fleet,
        tls,
        host: identity.host,
        port: identity.mqttPort,
        log: server.log,
        clock: server.clock,
      }),
  };
}
