/** Through libest's EST server: registered by keys on the first screen, renewed when the administrator asks. */
import { withEstServer } from '../fakes/enrolment-peers.ts';
import { leaveOut, needs, test } from '../harness.ts';
import { foreignIdentities, testBroker } from './brokers.ts';
import { enrolling } from './enrolling.ts';

if (testBroker !== 'embedded') leaveOut(foreignIdentities);
needs(['root', 'chroot', 'estserver', 'tmux']);

test('EST, libest: registered by keys, renewed when asked', () =>
  enrolling({ runtime: process.execPath, open: withEstServer, password: 'estpwd', told: [], whole: false }));
