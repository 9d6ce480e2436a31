#!/bin/sh
# Enrolment software of others for the tests (micromdm's SCEP server, strongSwan's pki, libest), in the same small root of
# Debian 13 that scripts/freerdp3.sh makes. As root; a minute and 100 MB. Quiet where it is there.
set -eu

root=/var/cache/thintrust-test/trixie
log=$root.enrolment.log
packages='scep strongswan-pki libstrongswan-standard-plugins libstrongswan-extra-plugins libest-utils'

there() {
  for program in scepserver scepclient pki estserver estclient; do
    [ -x "$root/usr/bin/$program" ] || return 1
  done
  [ -e "$root/usr/lib/ipsec/plugins/libstrongswan-curl.so" ]
}

if there; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
  echo 'make deps-enrolment needs root' >&2
  exit 1
fi
"$(dirname "$0")/freerdp3.sh"
echo 'peers for enrolment: apt-get …'
install_peers() {
  chroot "$root" apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get install -qq -y --no-install-recommends $packages
} >"$log" 2>&1 </dev/null
# Packages expect that nothing is started in a root that is only looked into.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# A mirror may stumble once.
install_peers || install_peers || {
  tail -n 5 "$log" >&2
  exit 1
}
there || {
  echo 'the packages have other programs now' >&2
  exit 1
}
