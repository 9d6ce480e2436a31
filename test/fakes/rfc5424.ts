/** A strict reader of RFC 5424 messages in the framing of RFC 5425, from the ABNF of §6 and §4.3. Throws where a byte is not allowed. */
export type SyslogMessage = {
  readonly priority: number;
  readonly timestamp: string;
  readonly hostname: string;
  readonly application: string;
  readonly process: string;
  readonly id: string;
  readonly data: readonly { readonly id: string; readonly parameters: readonly (readonly [string, string])[] }[];
  /** Null: none. The byte order mark is taken off. */
  readonly text: string | null;
};

const header =
  /^<(0|[1-9][0-9]{0,2})>1 ([0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) /;
const element = /^\[([!#-<>-\\^-~]{1,32})((?: [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\["\\\]])*")*)\]/;
const parameter = / ([!#-<>-\\^-~]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"/g;

/** All frames there are; nothing may be left. */
export function readFrames(bytes: Buffer): SyslogMessage[] {
  const messages: SyslogMessage[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const [count = '', length = ''] = /^([1-9][0-9]*) /.exec(bytes.toString('latin1', offset, offset + 12)) ?? [];
    if (count === '') throw new Error('no octet count');
    const from = offset + count.length;
    offset = from + Number(length);
    if (offset > bytes.length) throw new Error('a frame is cut');
    messages.push(readMessage(bytes.subarray(from, offset)));
  }
  return messages;
}

export function readMessage(bytes: Buffer): SyslogMessage {
  const message = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const head = header.exec(message);
  if (!head) throw new Error(`no header: ${message}`);
  const [whole, priority = '', timestamp = '', hostname = '', application = '', process = '', id = ''] = head;
  if (Number(priority) > 191) throw new Error('priority');
  let rest = message.slice(whole.length);
  const data: SyslogMessage['data'][number][] = [];
  for (let found = element.exec(rest); found; found = element.exec(rest)) {
    const [all, name = '', list = ''] = found;
    const parameters = [...list.matchAll(parameter)].map(
      ([, key = '', value = '']) => [key, value.replace(/\\(["\\\]])/g, '$1')] as const,
    );
    if (data.some((each) => each.id === name)) throw new Error('an SD-ID twice');
    data.push({ id: name, parameters });
    rest = rest.slice(all.length);
  }
  if (data.length === 0 && !rest.startsWith('-')) throw new Error('no structured data');
  if (rest !== '' && !rest.startsWith(' \ufeff')) throw new Error(`no text: ${rest}`);
  return {
    priority: Number(priority),
    timestamp,
    hostname,
    application,
    process,
    id,
    data,
    text: rest === '' ? null : rest.slice(2),
  };
}
