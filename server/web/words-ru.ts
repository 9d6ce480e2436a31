/** One of the languages, in a file of its own: a browser loads the one it shows (scripts/web-bundler.ts). */
import { commonRu } from '../../words/ru.ts';
import { webRu } from '../../words/web.ts';
import type { Words } from './app.ts';

export const words: Words = { ...commonRu, web: webRu };
