/** Mails of the Administration Server, in English. `{name}` is a placeholder; `server/core/mail-text.ts` says which there are. */
export const mailEn = {
  texts: {
    invitation: {
      subject: 'Registering a thin client with {server}',
      text: `Type this at the thin client, under “Registration”.

Server address:      {address}
Server fingerprint:  {fingerprint}
Invitation:          {invitation}
One-time password:   {password}
Device:              {name}

The password works once, until {expires}. Whoever reads this mail can use it: if you did not ask for it, tell the administrator.
`,
    },
    installation: {
      subject: 'Registering a thin client with {server}',
      text: `{fullName},

type this at the thin client, under “Registration”.

Server address:      {address}
Server fingerprint:  {fingerprint}
Invitation:          {user}
Password:            your own password, a blank, and then this one: {password}

The one-time password works once, until {expires}. If you did not ask for it, tell the administrator.
`,
    },
    credentials: {
      subject: 'Registering a thin client with {server}',
      text: `{fullName},

type this at the thin client, under “Registration”.

Server address:      {address}
Server fingerprint:  {fingerprint}
Invitation:          {user}
Password:            your own password

If you did not ask for it, tell the administrator.
`,
    },
    notices: {
      subject: 'Notices of {server}: {count}',
      text: `{notices}

Administration Server: {server}
Console: {console}
`,
    },
    test: {
      subject: 'Test mail of {server}',
      text: `The Administration Server {server} can send mail.

Console: {console}
`,
    },
  },
  more: '… and {count} more',
  notices: {
    mainEnds: {
      title: 'The certificate of the server ends',
      line: 'main certificate, SHA-256 {certificate}…: valid until {ends}. Devices that miss its reserve need a code afterwards.',
    },
    reserveEnds: {
      title: 'The reserve certificate of the server ends',
      line: 'reserve certificate, SHA-256 {certificate}…: valid until {ends}',
    },
    uploadedEnds: {
      title: 'An uploaded server certificate ends',
      line: 'valid until {ends}; a certificate of the server’s own authority stands by as reserve. Upload its successor.',
    },
    reserveMade: {
      title: 'The server made its reserve certificate',
      line: 'SHA-256 {certificate}…, active from {active} once devices hold it',
    },
    switched: {
      title: 'The server changed its certificate',
      line: 'SHA-256 {certificate}… is the main one now; devices that did not hold it: {notReady}',
    },
    switchWaits: {
      title: 'A scheduled change of the server certificate waits',
      line: 'devices that lack the reserve: {count}',
    },
    policyEnds: {
      title: 'Certificates of policies that end',
      line: '{group}, {purpose}: {owner} ({file}), valid until {ends}',
    },
    authorityEnds: { title: 'Authorities of others that end', line: '{owner}: valid until {ends}' },
    frontEndEnds: { title: 'Certificates of front ends that end', line: '{address}: {owner}, valid until {ends}' },
    deviceEnds: {
      title: 'Certificates of devices that were not renewed',
      line: '{device} ({type}): valid until {ends}',
    },
    deviceRetired: {
      title: 'Devices that were retired',
      line: '{device}: its certificate ended {ends}; it comes back by a replacement code or a new registration',
    },
    consoleLocked: { title: 'Consoles that locked themselves after wrong codes', line: '{device}: {locked}' },
    accountLocked: {
      title: 'Accounts of the console locked out after wrong passwords or codes',
      line: '{account}[ from {from}]: until {until}',
    },
    userLocked: { title: 'Users locked out after wrong passwords', line: '{user} from {from}: until {until}' },
  },
};
export type MailWords = typeof mailEn;
