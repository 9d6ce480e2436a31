/** What the device says of itself to whoever collects figures (B11): counts and times, no names and no addresses. */
import type { Status } from '../../protocol/local.ts';
import { type Family, openMetrics, states } from '../../protocol/open-metrics.ts';
import type { Purpose } from '../../protocol/shapes.ts';

const purposes: readonly Purpose[] = ['ksc', 'rdp', 'broker', 'log'];

export function metricsOf(status: Status): string {
  const { link, clock, policy, identity, certificates, replacement, faults } = status;
  const inSeconds = (ms: number): number => ms / 1000;
  const flag = (is: boolean) => [{ value: is ? 1 : 0 }];
  const families: readonly Family[] = [
    { name: 'build', help: 'Version of the agent.', samples: [{ labels: { version: status.version }, value: 1 }] },
    {
      name: 'registration',
      help: 'How far the device is with its registration.',
      samples: states('state', ['unregistered', 'registering', 'registered', 'broken'], status.at),
    },
    {
      name: 'link',
      help: 'Connection to the server.',
      samples: states('state', ['idle', 'connecting', 'connected', 'waiting'], link.at),
    },
    {
      name: 'link_since_seconds',
      unit: 'seconds',
      help: 'Since when the connection is so.',
      samples: [{ value: inSeconds(link.since) }],
    },
    { name: 'clock_known', help: 'Whether the time is known.', samples: flag(clock.at === 'known') },
    { name: 'policy_stale', help: 'Whether the policy is out of date.', samples: flag(policy?.stale ?? false) },
    {
      name: 'policy_signed_seconds',
      unit: 'seconds',
      help: 'When the policy in force was signed.',
      samples: policy ? [{ value: inSeconds(policy.iat) }] : [],
    },
    {
      name: 'identity_end_seconds',
      unit: 'seconds',
      help: 'When the certificate of the device ends.',
      samples: identity ? [{ value: inSeconds(identity.notAfter) }] : [],
    },
    {
      name: 'certificates',
      help: 'Certificates held, by purpose.',
      samples: purposes.map((purpose) => ({
        labels: { purpose },
        value: certificates.filter((each) => each.purpose === purpose).length,
      })),
    },
    { name: 'code_needed', help: 'Whether a replacement code is waited for.', samples: flag(replacement !== null) },
    {
      name: 'code_locked_seconds',
      unit: 'seconds',
      help: 'How long no code is taken any more.',
      samples: [{ value: inSeconds(replacement?.lockedForMs ?? 0) }],
    },
    {
      name: 'faults',
      help: 'Faults that hold, by code.',
      samples: [...new Set(faults.map(({ code }) => code))].map((code) => ({
        labels: { code },
        value: faults.filter((each) => each.code === code).length,
      })),
    },
  ];
  return openMetrics(families);
}
