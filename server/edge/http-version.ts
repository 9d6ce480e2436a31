/**
 * Answers in HTTP/1.0 to whoever asks in it, with field names in their customary capitals. Node always writes `HTTP/1.1`, as
 * RFC 9112 §2.3 would have it, and fastify small letters; libest's EST client understands neither.
 */
import type { IncomingMessage } from 'node:http';

/** To be called before anything of the answer is written. */
export function answerInKind({ httpVersion, socket }: IncomingMessage): void {
  if (httpVersion !== '1.0') return;
  const write = socket.write.bind(socket) as (chunk: unknown, ...rest: unknown[]) => boolean;
  const first = (chunk: unknown, ...rest: unknown[]): boolean => {
    Reflect.deleteProperty(socket, 'write');
    return write(typeof chunk === 'string' ? oldHead(chunk) : chunk, ...rest);
  };
  Object.defineProperty(socket, 'write', { value: first, configurable: true });
}

/** The head of an answer, with or without its body, as HTTP/1.0 has it; the body stays as it is. */
export function oldHead(answer: string): string {
  const end = answer.indexOf('\r\n\r\n');
  const head = end < 0 ? answer : answer.slice(0, end);
  const old = head
    .replace(/^HTTP\/1\.1 /, 'HTTP/1.0 ')
    .replace(/(?<=\r\n)[A-Za-z-]+(?=:)/g, (name) =>
      name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()).replace(/^Www-/, 'WWW-'),
    );
  return old + answer.slice(head.length);
}
