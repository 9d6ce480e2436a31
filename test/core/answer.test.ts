/** Which device, secret and certificate a confirmation code came from. */
import {
  deriveSecret,
  makeConfirmation,
  parseConfirmation,
  parseReplacement,
  replacementMatches,
} from '../../protocol/codes.ts';
import {
  type Candidate,
  type CodeDevice,
  candidatesFor,
  type OfferedCertificate,
  pickCandidate,
  replacementFor,
  type SecretOf,
} from '../../server/core/answer.ts';
import { assert, table, test } from '../harness.ts';

const master = Buffer.alloc(32, 7);
const secretOf: SecretOf = (device, generation) => deriveSecret(master, device, generation);
const device = (id: string, secretGeneration = 1): CodeDevice => ({
  id,
  name: `device ${id.slice(0, 4)}`,
  secretGeneration,
});
const one = device('2b902f89-1818-4d5d-8195-7504d90ee2e8');
const renewed = device('0f8fad5b-d9cb-469f-a165-70867728950e', 3);
const offered = (role: OfferedCertificate['role'], name: string): OfferedCertificate => ({
  role,
  fingerprint: name,
  der: Buffer.from(`certificate ${name}`),
});
const main = offered('main', 'm');
const previous = offered('previous', 'p');
const certificates = [main, previous];

function confirmation(who: CodeDevice, generation: number, der: Uint8Array | null, counter = 7) {
  const secret = secretOf(who.id, generation);
  const action = der === null ? 3 : 1;
  const parsed = parseConfirmation(
    makeConfirmation({ secret, deviceId: who.id, certificateDer: der, action, counter }),
  );
  if (!parsed.ok) throw new Error('our own code does not parse');
  return parsed.value;
}

table(
  'candidates',
  [
    { name: 'the main certificate', code: confirmation(one, 1, main.der), found: [[one.id, 1, 'm']] },
    { name: 'the previous certificate', code: confirmation(one, 1, previous.der), found: [[one.id, 1, 'p']] },
    { name: 'a reset names no certificate', code: confirmation(one, 1, null), found: [[one.id, 1, null]] },
    { name: 'the current generation', code: confirmation(renewed, 3, main.der), found: [[renewed.id, 3, 'm']] },
    { name: 'the generation before', code: confirmation(renewed, 2, main.der), found: [[renewed.id, 2, 'm']] },
    { name: 'two generations back', code: confirmation(renewed, 1, main.der), found: [] },
    { name: 'a stranger’s certificate', code: confirmation(one, 1, Buffer.from('interceptor')), found: [] },
    {
      name: 'a stranger device',
      code: confirmation(device('11111111-1111-4111-8111-111111111111'), 1, main.der),
      found: [],
    },
  ],
  ({ code, found }) => {
    const candidates = candidatesFor(code, [one, renewed], certificates, secretOf);
    assert.equal(
      candidates.map((each) => [each.device.id, each.generation, each.certificate?.fingerprint ?? null]),
      found,
    );
  },
);

test('the answer is the one the device expects', () => {
  const code = confirmation(one, 1, main.der);
  const [candidate] = candidatesFor(code, [one], certificates, secretOf);
  assert.ok(candidate);
  if (!candidate) return;
  const typed = parseReplacement(replacementFor(code, candidate, secretOf));
  assert.ok(typed.ok);
  const expected = { secret: secretOf(one.id, 1), deviceId: one.id, certificateDer: main.der, question: code.question };
  assert.ok(typed.ok && replacementMatches(typed.value, expected));
});

const candidate = (who: CodeDevice, certificate: OfferedCertificate): Candidate => ({
  action: 1,
  device: who,
  generation: 1,
  certificate,
});
const several = [candidate(one, main), candidate(renewed, main), candidate(renewed, previous)];

table(
  'picking',
  [
    { name: 'nothing fits', candidates: [], picked: {}, fault: 'code-not-ours' },
    { name: 'one fits', candidates: several.slice(0, 1), picked: {}, device: one.id },
    { name: 'several fit', candidates: several, picked: {}, fault: 'code-ambiguous' },
    { name: 'several, device named', candidates: several, picked: { device: one.id }, device: one.id },
    { name: 'several of one device', candidates: several, picked: { device: renewed.id }, fault: 'code-ambiguous' },
    {
      name: 'device and certificate named',
      candidates: several,
      picked: { device: renewed.id, certificate: 'p' },
      device: renewed.id,
    },
    {
      name: 'another device named',
      candidates: several.slice(0, 1),
      picked: { device: renewed.id },
      fault: 'code-not-ours',
    },
  ] as {
    readonly name: string;
    readonly candidates: readonly Candidate[];
    readonly picked: { readonly device?: string; readonly certificate?: string };
    readonly fault?: string;
    readonly device?: string;
  }[],
  ({ candidates, picked, fault, device: wanted }) => {
    const found = pickCandidate(candidates, picked);
    assert.is(found.ok ? undefined : found.fault.code, fault);
    assert.is(found.ok ? found.value.device.id : undefined, wanted);
  },
);

test('an ambiguous code names the devices, within the size of a fact', () => {
  const found = pickCandidate(
    Array.from({ length: 20 }, () => candidate(one, main)),
    {},
  );
  assert.not(found.ok);
  if (!found.ok) assert.ok(String(found.fault.facts['devices']).includes(one.id));
  if (!found.ok) assert.ok(String(found.fault.facts['devices']).length <= 300);
});
