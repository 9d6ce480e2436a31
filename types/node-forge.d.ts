declare module 'node-forge/lib/asn1.js' {
  import { asn1 } from 'node-forge';

  export { asn1 as default };
  export type Asn1 = asn1.Asn1;
}

declare module 'node-forge/lib/rc2.js' {
  import { rc2 } from 'node-forge';

  export { rc2 as default };
}

declare module 'node-forge/lib/util.js' {
  import { util } from 'node-forge';

  export { util as default };
}
