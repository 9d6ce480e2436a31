/** Strangers who may ask without a certificate cannot fill the audit log. */
import { hourMs, instant } from '../../protocol/time.ts';
import { invite } from '../../server/edge/invitations.ts';
import { listAudit } from '../../server/edge/overview.ts';
import { value, withFleet } from '../fakes/fleet-server.ts';
import { assert, test } from '../harness.ts';

const garbage = { invitation: 'X', password: 'y', csrDer: Uint8Array.of(1) };

test('of refused enrolments in a row a hundred an hour are on record, and every one is answered', () =>
  withFleet(async ({ fleet, server, time }) => {
    const refused = async (): Promise<number> =>
      (await listAudit(server, 1000)).filter(({ action }) => action === 'enrolment-refused').length;
    const flood = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) assert.not((await fleet.enrol(garbage)).ok);
    };
    await flood(130);
    assert.is(await refused(), 100);
    value(await invite(server, 'administrator', {}));
    await flood(1);
    assert.is(await refused(), 101, 'what comes after something else is on record again');
    time.now = instant(time.now + 2 * hourMs);
    await flood(130);
    assert.is(await refused(), 201);
  }));
