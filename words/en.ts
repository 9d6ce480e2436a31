/**
 * Sentences for people, in English. `{name}` stands for a fact; a part in `[…]` is left out when one of its facts is
 * missing. A fault's sentence says what happened and, where that helps, what to do.
 */
import type { FaultCode } from '../protocol/fault.ts';
import { cliEn } from './cli.ts';
import { screens } from './screens-en.ts';

/** What every program may have to say; the Web Console loads this and its own part, not the screens and commands. */
export const commonEn = {
  faults: {
    'too-large': 'The data is too large[: {bytes} bytes][, at most {limit} bytes are accepted].',
    'not-json': 'The data cannot be read[ ({what})]: it is not valid JSON.',
    'bad-shape': 'The data[ ({what})] does not have the expected form[: {rule}][ at {at}].',
    'unknown-version': 'The data[ ({what})] has a format version this program does not know. Update the older side.',
    'unknown-critical': 'The document[ ({what})] requires a feature this version does not know. Update the device.',
    'unknown-topic': 'A message came on a channel that does not exist[: {topic}].',
    'not-found': 'There is nothing by this name[: {what}].',
    'method-not-allowed': 'This cannot be done here.',
    'bad-argument': 'A value is not right[: {what}].',
    'step-not-offered': 'This choice is not there for such a certificate and such devices[: {what}].',
    'pki-not-integrated': 'No public key infrastructure is integrated with this server.',
    'record-only':
      'Devices of this kind get nothing from this server: certificates that were made elsewhere can be recorded.',
    'identity-needed': 'A thin client gets its certificates by its own mobile certificate, and in no other way.',
    'not-renewable': 'An uploaded certificate cannot be renewed. Upload its successor[: {what}].',
    'wrong-state': 'The state it is in does not allow this[: {name}][ ({state})].',
    'already-exists': 'There is already one by this name[: {what}].',
    'group-not-empty': 'The group “{name}” is not empty. Devices in it: {devices}, groups below it: {groups}.',
    'not-allowed': 'You do not have the right to do this[: {what}].',
    'setting-locked': 'The administrator has locked this setting. It cannot be changed on this device.',
    'time-below-floor':
      'The time {time} cannot be right: this device has proof that it is later than {floor}. Check the date and the year.',

    'bad-signature': 'The signature of the document does not hold. It was ignored; the settings stay as they were.',
    'unknown-key': 'The document is signed with a key this device does not know. It was ignored.',
    'wrong-type': 'The document is not of the expected type[ ({wanted})]. It was ignored.',
    'wrong-audience': 'The document is meant for another device or group[: {aud}]. It was ignored.',
    replayed: 'The document is older than the one in use[ (revision {rev})]. It was ignored.',
    'from-the-future': 'The document is dated later than this device can accept. Check the date and time.',
    'repair-stale': 'The repair file is out of date. Ask the administrator for a new one.',
    'repair-used':
      'This repair file, or a newer one, has already been used on this device. Ask the administrator for a new one.',
    'command-expired': 'The command from the server came too late and was not run.',
    'rotation-broken':
      'The signed statements do not lead from the certificate this device holds to the one the server showed.',
    'rotation-stale': 'The newest signed statement about the certificate of the server is older than 30 days.',
    'would-strand':
      'This policy would block the certificate of the Administration Server with none to follow it. It was refused, because devices would lose their server.',
    'policy-stale':
      'The policy has not been renewed for more than 14 days. The device goes on with the last one. Check the connection to the Administration Server.',
    'documents-missing':
      'The Administration Server has not sent the documents of this device yet. The device goes on asking.',

    'certificate-unreadable':
      'The certificate cannot be read[ (number {block} in the file)]. A DER, PEM or PKCS #7 file is needed.',
    'certificate-too-large': 'The certificate is too large[: {bytes} bytes][, at most {limit} bytes are accepted].',
    'certificate-weak-key':
      'The key of the certificate[ “{owner}”][ ({key})] is too weak or of a kind that is not supported.',
    'certificate-weak-signature': 'The certificate[ “{owner}”] is signed with an outdated method.',
    'certificate-wrong-kind': 'The certificate[ “{owner}”] is not of the right kind for this use.',
    'certificate-twice': 'The same certificate is there twice[: “{owner}”].',
    'too-many-certificates': 'There are too many certificates[: {count}][, at most {limit} are accepted].',

    'crl-unreadable':
      'The revocation list cannot be read[ (number {block} in the file)]. A DER or PEM file with one is needed.',
    'crl-partial': 'The revocation list is not whole: it lists changes only, or does not say when the next one comes.',
    'crl-twice': 'Two revocation lists of the same authority are there.',
    'crl-older': 'The revocation list is not newer than the one in use[, which is of {date}].',
    'crl-forged': 'The signature of the revocation list does not hold: “{issuer}” did not make it.',

    expired: 'The certificate[ “{owner}”] has expired.',
    'not-yet-valid': 'The certificate[ “{owner}”] is not valid yet. Check the date and time of the device.',
    'issuer-unknown':
      'The certificate of the server was issued by an authority this device does not trust[: {issuer}].',
    'name-mismatch': 'The certificate of the server is for another name[, not {host}].',
    'ip-under-root': 'With a root certificate, connect by the name of the server, not by its IP address.',
    'wrong-purpose': 'The certificate of the server is not meant for this use.',
    revoked: 'The certificate[ “{owner}”] has been revoked by its issuer.',
    blocklisted: 'The certificate[ “{owner}”] has been blocked by the administrator.',
    'path-too-long': 'The certificate chain of the server is longer than its authority allows.',
    'policy-constraint': 'The certificate chain of the server breaks the certificate policy of its authority.',
    'name-constraint': 'The authority that issued the certificate of the server may not issue one for this name.',
    'crl-unavailable':
      'It cannot be checked whether the certificate was revoked: the revocation list of its authority is missing, out of date or damaged.',
    'path-invalid': 'The certificate chain of the server is not valid.',
    'not-pinned': 'The Administration Server showed a certificate this device does not know.',
    'server-certificate-expired': 'The certificate of the Administration Server has expired.',
    'pin-expired': 'The saved certificate of the Administration Server has expired. The device waits for the new one.',
    'clock-unknown':
      'The date and time of the device are not known. Set them, or wait for the Administration Server to send them.',

    'changed-old-expired':
      'The server[ {host}] has a new certificate: the saved one[ “{owner}”] has expired. Nothing is replaced by itself; ask the administrator.',
    'changed-old-valid':
      'The server[ {host}] shows another certificate, although the saved one[ “{owner}”] is still valid. The connection may be intercepted. Do not go on; call the administrator.',
    'not-assigned':
      'The administrator has not allowed connections to this server[: {host}]. Call the administrator if you need it.',
    'adding-closed':
      'Certificates cannot be added or removed on this device: the administrator does this with the policy.',
    'not-shown':
      'The server[ {server}] has not shown this certificate just now. Connect again and look at what it shows.',
    'already-trusted': 'This certificate[ “{owner}”] is in the store already.',
    'not-removable': 'This certificate[ “{owner}”] came with the policy or with the device and cannot be removed here.',
    'session-busy': 'A remote desktop[ ({server})] is open. Close it before you open another one.',
    'client-missing': 'The program for the remote desktop[ ({what})] is not installed. Call the administrator.',
    'client-failed': 'The remote desktop ended with an error[: {reason}][ ({status})].',
    'client-sign-in': 'The server[ {address}] did not accept the user name or the password.',
    'client-refused-certificate':
      'The server showed the program another certificate than the one that was checked. The connection was not made.',

    'server-unreachable': 'The server cannot be reached[ ({address})]. Check the address and the network cable.',
    'server-refused': 'The server refused the connection[ ({address})]. The device will try again.',
    'tls-failed': 'A secure connection to the server could not be set up[ ({address})][: {reason}].',
    'timed-out': 'The server[ {address}] did not answer in time.',
    'server-answer': 'The server gave an answer that was not understood[ ({status})].',
    'not-rdp':
      'What answers at this address[ ({address})] is not a remote desktop server. Check the address and the port.',
    'rdp-no-tls':
      'The server[ {address}] offers only the old, insecure protection of remote desktop. This device does not use it. Ask the administrator to turn TLS on.',
    'rdp-refused': 'The remote desktop server[ {address}] refused the connection[: {reason}].',

    'already-registered': 'This device is already registered.',
    'not-registered': 'This device is not registered yet.',
    'invitation-refused':
      'The invitation or the password is wrong, already used or out of date. Ask the administrator for a new one.',
    'too-many-devices': 'This user has registered as many devices as allowed[ ({limit})]. Ask the administrator.',
    'token-used-up': 'This password has registered as many devices as allowed[ ({limit})]. Ask the administrator.',
    'csv-unreadable':
      'The file is no table of comma-separated values: a quotation mark is not closed or stands inside a field.',
    'csv-columns': 'The first line of the file must name the columns[ ({columns})], and lines must follow.',
    'csv-row': 'Line {row}, column “{column}”: missing, too long, twice, or one field too many.',
    'csv-group': 'Line {row}: there is no group “{group}” that devices can be put in.',
    'csv-too-long': 'The file has {count} lines; at most {limit} are taken at once. Use a group token for more.',
    'fingerprint-mismatch':
      'The server at this address does not have the certificate with this fingerprint. Compare the fingerprint with what the administrator gave you. If it is right, do not go on: the connection may be intercepted.',
    'csr-refused': 'The server refused the certificate request of this device[: {reason}].',
    'challenge-refused':
      'The certificate authority refused the request of this device. The challenge password is wrong, already used or out of date. Ask its administrator for a new one.',
    'authority-mismatch':
      'What answers at this address[ ({address})] is not the certificate authority with this fingerprint. Compare the fingerprint with what the administrator gave you. If it is right, do not go on: the connection may be intercepted.',
    'capability-missing': 'The certificate authority cannot do what is needed[: {what}]. Ask its administrator.',
    'answer-undecipherable':
      'The certificate authority answered, but its answer cannot be deciphered with the key of this device. Ask its administrator.',
    'enrolment-pending':
      'An administrator has to approve the request of this device[ ({request})]. It asks again by itself.',
    'identity-unreadable':
      'The certificate or the key of this device cannot be read. Ask the administrator to register it again.',
    'delivery-damaged': 'The key the server sent with a certificate cannot be opened. It is asked for again.',
    'key-mismatch': 'The certificate the server issued does not belong to the key of this device.',
    'tpm-missing':
      'The key of this device is in its security chip (TPM), and the chip is not there[: {reason}]. The device cannot connect without it; look whether it is turned off in the settings of the firmware (BIOS, UEFI).',
    'tpm-failed':
      'The security chip (TPM) with the key of this device does not do what is asked of it[ ({step})][: {reason}]. The device tries again.',
    'tpm-foreign':
      'The key of this device was made in another security chip (TPM), or this one was cleared since. Ask the administrator: the device has to be reset and registered anew.',
    'tpm-unfit':
      'A key of this kind[ ({kind})] is not made in a security chip (TPM), and this device is to have no other. Ask the administrator.',
    'identity-refused':
      'The Administration Server does not accept the certificate of this device. Ask the administrator.',
    'identity-expired':
      'The certificate of this device has expired. The device asks the Administration Server for a new one[; days left to get it: {daysLeft}].',
    'identity-expiring':
      'The certificate of this device ends[; days left: {daysLeft}] and is not renewed by itself. Ask the administrator to renew it.',
    'renewal-not-ordered':
      'The certificate of this device is renewed only when the administrator orders it. Ask the administrator to renew it.',
    'identity-retired':
      'The certificate of this device ended too long ago to be renewed. A code of the administrator lets the device get a new one; or reset it and register it anew.',
    cloned:
      'This storage was registered in another device. It does not connect; ask the administrator to register this device.',

    'code-typo': 'The code is mistyped. Check every digit; no attempt was used.',
    'code-wrong': 'The code is wrong.[ Attempts left: {triesLeft}.]',
    'code-locked': 'Too many wrong codes. Wait before you try again.',
    'code-needed':
      'The administrator has locked this. Tell the administrator the confirmation code[ {confirmation}] and type the code you are given.',
    'code-not-asked': 'No code is asked for now.',
    'code-not-ours': 'Not our certificate (is the connection intercepted?) or not our device. Do not give out a code.',
    'code-ambiguous': 'The confirmation code fits more than one device. Name the device: {devices}',

    'token-refused': 'The token of this device does not hold. If it is the right server, register the device again.',
    'mutual-required': 'This device has to use its own certificate here.',
    'endpoint-disabled': 'The administrator has switched off this way to the server.',
    'front-end-unknown': 'The request carries a client certificate that only a known front end may pass on.',
    'stays-on': 'Mutual authentication cannot be turned off once it is on.',
    'mutual-needed': 'Mutual authentication has to be turned on first.',
    'new-endpoint-needed': 'The new endpoint has to be turned on first, or no device would have one left.',
    'clients-not-migrated': 'Devices still check in without a certificate of their own: {count}[ ({devices})].',
    'confirm-twice': 'This has to be confirmed twice: devices that use the legacy endpoint stop working.',
    'devices-cut-off': 'Devices that use this port would be cut off: {count}[ ({devices})].',
    'ports-collide': 'Port {port} cannot be both the port of {one} and of {other}.',

    'devices-not-ready':
      'The new certificate has not reached all devices yet[; devices without it: {count}][ – {devices}]. Wait for them, or switch with --override.',
    'identities-not-renewed':
      'Devices still use an identity of the former authority: {count}[ ({devices})]. Wait until they have renewed, or retire it with --override.',
    'policy-key-not-held':
      'Devices do not hold the next policy key yet: {count}[ ({devices})]. Wait for them, or activate it with --override.',
    'reserve-there':
      'There is a reserve certificate already. Switch to it, or take it back first: certificate reset-reserve.',
    'no-reserve': 'There is no reserve certificate. Make one first: certificate schedule.',
    'front-end-shows':
      'The front end[ {address}] shows this certificate now. Devices that come through it would be shut out. Change it there first, or use --override.',
    'devices-pinned':
      '{count} devices or open invitations know the certificate in use, and would lose their server. Upload the new one as reserve: devices are told of it first.',

    'password-wrong': 'The password of the file is wrong, or it needs one.',
    'password-weak':
      'The password of a user has 8 to 16 characters of at least three groups: A-Z, a-z, 0-9, special characters. Blanks and other letters are not taken.',
    'integrity-missing':
      'The PKCS #12 file has no integrity check (MAC), so that anybody may have changed it. Make it again with one.',
    'iterations-excessive':
      'The file asks for too much work to try its password[: {count} rounds][, at most {limit} are accepted].',
    'algorithm-unsupported': 'The file is protected by a method that is not supported[: {algorithm}].',
    'key-file-unreadable': 'The key or the PKCS #12 file cannot be read: it is damaged, or something else.',
    'key-missing': 'There is no private key in the file. Name the file that has it.',
    'too-many-keys': 'There is more than one private key[: {count}]. Export one with its certificates.',
    'key-foreign': 'The private key belongs to none of the certificates.',
    'certificate-missing': 'There is no certificate in the file.',
    'life-too-long':
      'The certificate[ “{owner}”] is valid for too long[: {days} days][, at most {limit} are accepted].',
    'chain-incomplete':
      'The chain ends too early: the certificate of “{issuer}”, which issued “{owner}”, is missing. Add all certificates up to the root.',
    'chain-foreign': 'The certificate “{owner}” is no part of the chain. Leave it out.',
    'import-stopped': 'Reading the file took too much time or memory[ ({reason})]. It was given up.',

    'mail-off': 'No mail server is set. Set one: thintrust-server mail set',
    'mail-no-address': 'There is no e-mail address to send this to[ ({what})].',
    'mail-unreachable': 'The mail server[ {address}] cannot be reached[: {reason}].',
    'mail-insecure': 'The connection to the mail server[ {address}] is not secure, so nothing was sent[: {reason}].',
    'mail-sign-in': 'The mail server[ {address}] does not take the user name and password[: {reason}].',
    'mail-refused': 'The mail server[ {address}] refused the mail[: {reason}].',
    'placeholder-unknown': 'There is no placeholder of this name[: {what}][. There are: {known}].',
    'placeholder-missing': 'The text lacks a placeholder that it cannot do without[: {what}].',

    'disk-full': 'The storage of the device is full. The last good state stays in use.',
    'disk-failed': 'The storage of the device failed[ ({what})]. The service will start again.',
    'storage-missing':
      'The storage for settings and certificates cannot be used[ ({errno})]. Nothing was deleted. Switch the device off and on; if this stays, it needs service.',
    'generation-damaged': 'The newest saved state is damaged. An older one is in use.',
    'generation-newer': 'The saved state was written by a newer version. An older one is in use.',
    'counters-damaged': 'The saved counters are damaged. Code entry stays locked for a while.',
    'events-dropped': 'The event store was full: {count} events were dropped.',

    'second-factor-needed': 'This account also asks for a code of its authenticator.',
    'sign-in-refused': 'The name, the password or the code is wrong.',
    'sign-in-locked': 'Too many wrong tries. Wait at least 15 minutes, then try again.',
    'session-needed': 'Sign in first: there is no session, or it is over.',
    'request-forged': 'The request does not come from a page of this Web Console. Reload the page.',
    'setup-refused': 'This setup link is wrong, used or over. Make another one: thintrust-server accounts setup-link.',
    'api-token-refused': 'The token is wrong, over or taken back.',
    'account-password-weak':
      'The password needs {least} to {most} characters, at least five different ones, and must not contain the name.',
    'passphrase-wrong': 'The passphrase is wrong.',
    'backup-unreadable': 'The backup or recovery kit cannot be read.',
    'master-key-missing': 'The master key of the server is missing or does not fit its database.',
    busy: 'Another operation is still running. Try again in a moment.',
    'daemon-not-running': 'The device service is not running[ ({path})]. Restart the device or call the administrator.',
    internal: 'An internal error happened[: {what}]. Tell the administrator.',
  } satisfies Record<FaultCode, string>,
  /** States of devices and certificates, as the fact `state` of a fault names them. */
  states: {
    waiting: 'waits for approval',
    retired: 'retired',
    inactive: 'inactive',
    removed: 'removed',
    superseded: 'followed by a newer one',
    wiping: 'to be wiped',
    wiped: 'wiped',
  },

  purposes: {
    ksc: 'Administration Server',
    rdp: 'RDP server',
    broker: 'Connection broker',
    log: 'Log server',
  },
  sources: {
    factory: 'Factory',
    policy: 'Policy',
    manual: 'Added by hand',
    replacement: 'By code',
  },
  slotNames: {
    current: 'Server (current)',
    reserve: 'Server (reserve)',
    previous: 'Server (previous)',
    'front-end': 'Server (front end)',
  },
  slots: {
    current: 'current',
    reserve: 'reserve (comes next)',
    previous: 'previous',
    'front-end': 'of a front end',
  },

  dates: {
    date: '{d} {month} {yyyy}',
    dateTime: '{d} {month} {yyyy}, {hh}:{mi}',
    months: ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
    seconds: '{count} s',
    minutes: '{count} min',
    hours: '{count} h',
    days: '{count} d',
  },
};

export const en = { ...commonEn, screens, cli: cliEn };

/** The shape every language has. */
export type Words = typeof en;
export type CommonWords = typeof commonEn;
