/** How lists are cut into pages. Here for who cannot afford to load the schemas. */
export const largestPage = 200;
export const usualPage = 50;

export type Page<Row> = { readonly rows: readonly Row[]; readonly total: number };
