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
    notices: {
      subject: '{server}: {count}',
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
};
export type MailWords = typeof mailEn;
