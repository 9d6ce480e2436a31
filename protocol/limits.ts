/** Bounds on what is taken in, judged before anything is parsed. */
export const maxDocumentBytes = 1024 * 1024;
export const maxCertificates = 512;
export const maxCertificateBytes = 16 * 1024;
/** Revocation lists of a policy, and each; all of them together are bounded by the document. */
export const maxRevocationLists = 64;
export const maxRevocationListBytes = 256 * 1024;
/** Links from a pin to the certificate a server has now: one for each change of it. */
export const maxRotations = 64;
export const maxRotationCharacters = 40_000;
/** In one answer. */
export const maxKeyStatements = 16;
export const maxRotationsBytes = maxRotations * maxRotationCharacters + 64 * 1024;
/** A report may carry two newer signed documents. */
export const maxReportBytes = 3 * 1024 * 1024;
export const maxEventBytes = 16 * 1024;
/** Bodies of the agent's control API and of the server's own, where nothing else is said. */
export const maxControlBytes = 64 * 1024;
/** Certificate files a person imports, together: base64 in one body. */
export const maxImportCharacters = 1024 * 1024;
export const maxImportBodyBytes = 8 * 1024 * 1024;
/** Files on sticks that are listed. */
export const maxMediaFiles = 200;
/** A file that repairs, and how many of them on sticks are looked at. */
export const maxRepairBytes = 128 * 1024;
export const maxRepairBodyBytes = 192 * 1024;
export const maxRepairFiles = 8;
/** One line of `thintrust decide --batch`, in UTF-16 code units. */
export const maxBatchLineBytes = 4 * 1024 * 1024;
/** Presented beside a leaf; a path uses at most 10 of them. */
export const maxIntermediates = 64;
export const maxCrls = 256;
/** Mail and VPN certificates of one device. */
export const maxCorporate = 32;
/** Certificates of front ends that a policy names beside those of the server. */
export const maxFrontEnds = 8;
