/** One of the languages, in a file of its own: a browser loads the one it shows (scripts/web-bundler.ts). */
import { commonEn } from '../../words/en.ts';
import { webEn } from '../../words/web.ts';
import type { Words } from './app.ts';

export const words: Words = { ...commonEn, web: webEn };
