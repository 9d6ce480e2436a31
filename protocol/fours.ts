/** `0123 4567 89`: as codes and fingerprints are shown and said. */
export const inFours = (text: string): string => text.replace(/(....)(?=.)/g, '$1 ');
