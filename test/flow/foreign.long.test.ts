/** Through micromdm's SCEP server, the device on Node 20: registered by the command, renewed by itself, shut out with its authority. */
import { withScepServer } from '../fakes/enrolment-peers.ts';
import { leaveOut, needs, test } from '../harness.ts';
import { foreignIdentities, testBroker } from './brokers.ts';
import { enrolling } from './enrolling.ts';
import { node20 } from './system.ts';

if (testBroker !== 'embedded') leaveOut(foreignIdentities);
needs(['root', 'chroot', 'scepserver', 'node20', 'faketime']);

test('SCEP, micromdm: refused, registered, renewed by itself two days before the end, shut out', () =>
  enrolling({
    runtime: node20() ?? '',
    open: (use) => withScepServer(['-challenge', 'secret', '-crtvalid', '30'], use),
    password: 'secret',
    told: ['--ca', 'scep', '--subject', 'thin-$RANDOM_16$'],
    whole: true,
  }));
