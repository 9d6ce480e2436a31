/** Which release of the server this is. The bundle defines `THINTRUST_VERSION`. */
declare const THINTRUST_VERSION: string | undefined;

export const release: string = typeof THINTRUST_VERSION === 'string' ? THINTRUST_VERSION : '0.1.0-source';
