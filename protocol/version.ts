/** Which release the programs are, and how each says so. The bundle defines `THINTRUST_VERSION`. */
declare const THINTRUST_VERSION: string | undefined;

/** From source it is unknown, and says so. */
export const version: string = typeof THINTRUST_VERSION === 'string' ? THINTRUST_VERSION : '0.1.0-source';

/** What `PROGRAM --version` prints. */
export const sayVersion = (program: string): string => `${program} ${version}\n`;
