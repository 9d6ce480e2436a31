#!/bin/sh
# Makes test/vectors/certificates with the openssl command (3.0 or later). The keys in test/vectors/keys are published and
# protect nothing; they are made once and kept. ECDSA signatures are random, so a new run gives new fingerprints: the
# tests look at contents. Validity is 2020–2120 unless the certificate is about dates.
set -eu
cd "$(dirname "$0")"
mkdir -p keys certificates
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work

cat > "$work/openssl.cnf" <<'CNF'
[req]
distinguished_name = dn
prompt = no
[dn]
[ca]
default_ca = own
[own]
database = $ENV::work/index.txt
serial = $ENV::work/serial
new_certs_dir = $ENV::work
default_md = sha256
policy = any
unique_subject = no
email_in_dn = yes
copy_extensions = none
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
CNF

key() { [ -f "keys/$1.pem" ] || { shift_name=$1; shift; openssl genpkey -quiet -out "keys/$shift_name.pem" "$@"; }; }
key rsa1024 -algorithm RSA -pkeyopt rsa_keygen_bits:1024
key rsa2048 -algorithm RSA -pkeyopt rsa_keygen_bits:2048
key rsa4096 -algorithm RSA -pkeyopt rsa_keygen_bits:4096
key p256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
key p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
key p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521
key secp256k1 -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1
key p256-explicit -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit
key ed25519 -algorithm ED25519

# certificate NAME KEY SUBJECT EXTENSIONS [NOT-BEFORE NOT-AFTER [MORE OPTIONS OF openssl ca]]; self-signed unless told otherwise
certificate() {
  name=$1 key=$2 subject=$3 extensions=$4 from=${5:-20200101000000Z} until=${6:-21200101000000Z}
  [ $# -gt 6 ] && shift 6 || shift $#
  : > "$work/index.txt"
  echo 1000 > "$work/serial"
  { cat "$work/openssl.cnf"; printf '[x]\n%s\n' "$extensions"; } > "$work/one.cnf"
  openssl req -new -utf8 -config "$work/one.cnf" -key "keys/$key.pem" -subj "$subject" -out "$work/one.csr"
  [ $# -gt 0 ] || set -- -selfsign -keyfile "keys/$key.pem"
  openssl ca -batch -notext -utf8 -preserveDN -config "$work/one.cnf" -extensions x -in "$work/one.csr" \
    -startdate "$from" -enddate "$until" -out "certificates/$name.pem" "$@" 2> "$work/log" || { cat "$work/log"; exit 1; }
}

authority='basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash'
leaf='basicConstraints = critical, CA:FALSE
subjectAltName = DNS:server.example'

for key in rsa1024 rsa2048 rsa4096 p256 p384 p521 secp256k1 p256-explicit ed25519; do
  certificate "$key" "$key" "/O=thintrust test/CN=$key" "$leaf"
done
certificate authority p256 '/O=thintrust test/CN=authority' "$authority"
issued() { certificate "$1" "$2" "$3" "$4" 20200101000000Z 21200101000000Z -cert certificates/authority.pem -keyfile keys/p256.pem; }
issued leaf p384 '/O=thintrust test/CN=leaf' "$leaf"
certificate leaf-sha1 p384 '/CN=leaf, SHA-1' "$leaf" 20200101000000Z 21200101000000Z -cert certificates/authority.pem -keyfile keys/p256.pem -md sha1
certificate authority-sha1 rsa2048 '/CN=authority, SHA-1' "$authority" 20200101000000Z 21200101000000Z -selfsign -keyfile keys/rsa2048.pem -md sha1
certificate authority-rsa rsa2048 '/CN=authority, RSA' "$authority"
for hash in sha1 sha256; do
  certificate "leaf-pss-$hash" p384 "/CN=leaf, PSS $hash" "$leaf" 20200101000000Z 21200101000000Z \
    -cert certificates/authority-rsa.pem -keyfile keys/rsa2048.pem -md $hash -sigopt rsa_padding_mode:pss
done
# a second name that prints like the first: only its string type differs
certificate leaf-looks-self-issued p384 '/CN=authority, RSA' "$leaf" 20200101000000Z 21200101000000Z \
  -cert certificates/authority-rsa.pem -keyfile keys/rsa2048.pem -md sha1
certificate no-constraints p256 '/CN=no constraints' 'subjectAltName = DNS:server.example'

certificate names p256 '/CN=names' 'subjectAltName = DNS:server.example, DNS:*.server.example, DNS:xn--e1afmkfd.example, IP:192.0.2.1, IP:2001:db8::1, email:desk@server.example, URI:https://server.example/'
certificate names-tricky p256 '/CN=names' 'subjectAltName = @names
[names]
DNS.1 = good.example
DNS.2 = a.example, DNS:forged.example
DNS.3 = quote".example
DNS.4 = back\\\\slash.example
DNS.5 = b.example", DNS:forged.example, DNS:"
URI.1 = https://c.example/, DNS:forged.example
email.1 = "x, DNS:forged.example"@d.example
dirName.1 = directory
otherName.1 = 1.2.3.4;UTF8:DNS:forged.example
DNS.6 = last.example
[directory]
commonName = x, DNS:forged.example, IP Address:192.0.2.66'
certificate subject-cyrillic p256 '/O=ООО Ромашка/CN=Сервер администрирования' "$leaf"
certificate subject-multi p256 '/O=thintrust test/OU=unit+CN=multi \+ valued' "$leaf" 20200101000000Z 21200101000000Z -selfsign -keyfile keys/p256.pem
certificate subject-odd p256 '/CN=one\, "two" <three>; four#' "$leaf"
certificate subject-forged p256 "$(printf '/O=honest/OU=x\nCN=forged\033[2J\302\233')" "$leaf"
certificate subject-organization p256 '/C=XX/O=only an organization' "$leaf"
certificate subject-empty p256 '/' 'subjectAltName = critical, DNS:server.example'
certificate dates-1950 p256 '/CN=dates' "$leaf" 500101000000Z 691231235959Z
certificate dates-0099 p256 '/CN=dates' "$leaf" 00990101000000Z 18991231235959Z
certificate dates-9999 p256 '/CN=dates' "$leaf" 20200229120000Z 99991231235959Z

openssl x509 -in certificates/leaf.pem -addtrust serverAuth -trustout -out certificates/trusted.pem
for form in pem p7b; do
  outform=PEM; [ $form = pem ] || outform=DER
  openssl crl2pkcs7 -nocrl -certfile certificates/leaf.pem -certfile certificates/authority.pem -outform $outform -out certificates/pkcs7.$form
done

# Keys with certificates as other programs write them: identities/, password "secret" where the name says no other.
# Needs certtool (gnutls-bin), pk12util and certutil (libnss3-tools), keytool (a JDK): what is missing leaves its files as they are.
mkdir -p identities
if command -v certtool > /dev/null; then
  made() { name=$1 key=$2; shift 2; certtool --to-p12 --load-privkey "keys/$key.pem" --load-certificate "certificates/$key.pem" \
    --p12-name server --outder --outfile "identities/gnutls-$name.p12" "$@" 2> "$work/log" || cat "$work/log"; }
  made cyrillic rsa2048 --password пароль
  made null p256 --null-password
fi
if command -v pk12util > /dev/null; then
  nss() { # NAME KEY PASSWORD [OPTIONS]
    name=$1 key=$2 password=$3; shift 3
    rm -rf "$work/nss"; mkdir "$work/nss"; certutil -N -d "$work/nss" --empty-password
    openssl pkcs12 -export -in "certificates/$key.pem" -inkey "keys/$key.pem" -name server -passout pass:x -out "$work/in.p12"
    pk12util -i "$work/in.p12" -d "$work/nss" -W x > /dev/null
    pk12util -o "identities/nss-$name.p12" -n server -d "$work/nss" -W "$password" "$@" > /dev/null
  }
  nss rsa rsa2048 secret
  nss cyrillic rsa2048 пароль
  nss rc2 rsa2048 secret -c 'PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC' -C 'PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC' -M SHA-1
  nss empty rsa2048 ''
fi
if command -v keytool > /dev/null; then
  java() { # NAME KEY PASSWORD [OPTIONS]
    name=$1 key=$2 password=$3; shift 3
    rm -f "identities/java-$name.p12"
    openssl pkcs12 -export -in "certificates/$key.pem" -inkey "keys/$key.pem" -name server -passout pass:secret -out "$work/in.p12"
    LC_ALL=C.UTF-8 keytool "$@" -importkeystore -noprompt -srckeystore "$work/in.p12" -srcstorepass secret -alias server \
      -destkeystore "identities/java-$name.p12" -deststoretype PKCS12 -deststorepass "$password" -destkeypass "$password" 2> "$work/log" || cat "$work/log"
  }
  java rsa rsa2048 secret
  java ec p256 secret
  java legacy rsa2048 secret -J-Dkeystore.pkcs12.legacy
fi
