declare module 'node-forge/lib/asn1.js' {
  import { asn1 } from 'node-forge';

  export { asn1 as default };
  export type Asn1 = asn1.Asn1;
}
