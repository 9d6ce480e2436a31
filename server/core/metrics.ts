/** What the server says of the fleet to whoever collects figures (B11): counts and times, no names of devices. */
import { type Family, openMetrics } from '../../protocol/open-metrics.ts';

export type Figures = {
  readonly devices: Readonly<Record<string, number>>;
  readonly certificates: readonly { readonly role: string; readonly notAfter: number }[];
  /** How many devices have which outlook on the coming switch; null where none comes. */
  readonly risk: Readonly<Record<string, number>> | null;
  readonly blocked: number;
  readonly unpublished: number;
  /** Certificates of policies that end within thirty days, or have. */
  readonly policiesEnding: number;
  /** Mails that wait. */
  readonly mails: number;
  /** Devices that wait for approval. */
  readonly requests: number;
};

export function metricsOf(figures: Figures): string {
  const counted = (label: string, counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }));
  const one = (value: number) => [{ value }];
  const families: readonly Family[] = [
    { name: 'devices', help: 'Devices, by what is the case with them.', samples: counted('state', figures.devices) },
    {
      name: 'server_certificate_end_seconds',
      unit: 'seconds',
      help: 'When certificates of the server end, by role.',
      samples: figures.certificates.map(({ role, notAfter }) => ({ labels: { role }, value: notAfter / 1000 })),
    },
    {
      name: 'switch_outlook_devices',
      help: 'Devices by their outlook on the coming switch of the server certificate.',
      samples: counted('outlook', figures.risk ?? {}),
    },
    { name: 'blocked_certificates', help: 'Certificates on blocklists.', samples: one(figures.blocked) },
    {
      name: 'documents_unpublished',
      help: 'Documents the broker has not been given.',
      samples: one(figures.unpublished),
    },
    {
      name: 'policy_certificates_ending',
      help: 'Certificates of policies that end within 30 days, or have.',
      samples: one(figures.policiesEnding),
    },
    { name: 'mails_waiting', help: 'Mails that wait to be sent.', samples: one(figures.mails) },
    { name: 'approvals_waiting', help: 'Devices that wait to be approved.', samples: one(figures.requests) },
  ];
  return openMetrics(families);
}
