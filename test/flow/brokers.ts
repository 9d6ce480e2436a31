/** Which broker the stories are told with: the one inside the server, or with THINTRUST_TEST_BROKER=mosquitto that beside it. */
import { needs } from '../harness.ts';

export type BrokerKind = 'embedded' | 'mosquitto';

const isKind = (text: string): text is BrokerKind => text === 'embedded' || text === 'mosquitto';

const wanted = process.env['THINTRUST_TEST_BROKER'] || 'embedded';
if (!isKind(wanted)) throw new Error(`THINTRUST_TEST_BROKER is ${wanted}, not embedded or mosquitto`);

if (wanted === 'mosquitto') needs(['mosquitto']);

export const testBroker: BrokerKind = wanted;

/** Of a story that every day is told with both: where all are told with mosquitto, that one. */
export const ofBroker = <Row extends { readonly broker: BrokerKind }>(rows: readonly Row[]): readonly Row[] =>
  testBroker === 'embedded' ? rows : rows.filter(({ broker }) => broker === testBroker);

/** Why a story of them is told with one broker (`docs/enrolment.md`). */
export const foreignIdentities = 'devices with identities of other authorities do not reach mosquitto';
