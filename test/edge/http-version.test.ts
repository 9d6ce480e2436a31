/** Answers to HTTP/1.0, as its clients read them, and the body untouched. */
import fc from 'fast-check';
import { oldHead } from '../../server/edge/http-version.ts';
import { assert, table, test } from '../harness.ts';

table(
  'oldHead',
  [
    {
      name: 'version and capitals of the head, nothing of the body',
      answer:
        'HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm="a-b: c"\r\ncontent-type: a/b\r\n\r\nHTTP/1.1 x\r\nb-c: d',
      expected:
        'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="a-b: c"\r\nContent-Type: a/b\r\n\r\nHTTP/1.1 x\r\nb-c: d',
    },
    {
      name: 'a head alone',
      answer: 'HTTP/1.1 204 No Content\r\nDate: x\r\nkeep-alive: timeout=5\r\n',
      expected: 'HTTP/1.0 204 No Content\r\nDate: x\r\nKeep-Alive: timeout=5\r\n',
    },
    { name: 'no head', answer: 'something: else', expected: 'something: else' },
  ],
  ({ answer, expected }) => assert.is(oldHead(answer), expected),
);

test('oldHead: 10^4 bodies of at most 300 characters stay as they are', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (body) => {
      const written = oldHead(`HTTP/1.1 200 OK\r\na: b\r\n\r\n${body}`);
      return written === `HTTP/1.0 200 OK\r\nA: b\r\n\r\n${body}`;
    }),
    { numRuns: 10_000 },
  );
});
