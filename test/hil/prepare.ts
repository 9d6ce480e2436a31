/** Boots the image once, for all stories that begin there; so that two that run at a time do not both do it. */
import { booted, openImage } from './image.ts';

await booted(await openImage());
