/** Servers as a person types them: a name, an international one too, or an address, and a port. */
import { type InputRule, matching } from '../input.ts';

/** What the text means is decided by the agent; only what no server can have is not taken. */
export const serverRule: InputRule = { take: matching(/^[\p{L}\p{N}._:[\]-]$/u), limit: 300 };
