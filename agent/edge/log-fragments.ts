/**
 * Configuration of rsyslog and syslog-ng that sends records to a log server which only the certificates of purpose `log`
 * are trusted for. Both are files to include; the server, and the device's own certificate, stand in the configuration that
 * includes them.
 */
export function logFragments(folder: string): readonly (readonly [string, string])[] {
  return [
    ['rsyslog.conf', rsyslog(folder)],
    ['syslog-ng.conf', syslogNg(folder)],
  ];
}

const rsyslog = (folder: string): string => `# made by thintrustd, gone at the next boot
# action(type="omfwd" protocol="tcp" target="HOST" port="6514" StreamDriver="gtls" StreamDriverMode="1"
#        StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="HOST" TCP_Framing="octet-counted")
global(DefaultNetstreamDriverCAFile="${folder}/bundle.pem")
`;

const syslogNg = (folder: string): string => `# made by thintrustd, gone at the next boot
# destination d_thintrust { thintrust-log(host("HOST") port(6514)); };
block destination thintrust-log(host() port(6514)) {
  syslog("\`host\`" port(\`port\`) transport("tls")
    tls(ca-dir("${folder}") peer-verify(required-trusted)));
};
`;
