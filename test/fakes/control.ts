/** The parts of a control API where no log is kept and no stick is in. */
import type { ControlOrder } from '../../agent/edge/control.ts';
import { openSecrets } from '../../agent/edge/secrets.ts';
import { bad } from '../../protocol/fault.ts';

export const nothingKept = (): Pick<ControlOrder, 'secrets' | 'log' | 'media'> => ({
  secrets: openSecrets(),
  log: async () => ({ records: [], more: false }),
  media: {
    list: async () => ({ files: [], repairs: [], more: false }),
    read: async (name) => bad('not-found', { what: name }),
  },
});
