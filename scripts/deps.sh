#!/bin/sh
# Installs the Debian packages whose programs the tests ask for. Quiet where all are there.
set -eu

PATH=$PATH:/usr/sbin:/sbin
missing=
while read -r program package; do
  command -v "$program" >/dev/null || missing="$missing $package"
done <<'END'
mosquitto mosquitto
mosquitto_pub mosquitto-clients
tmux tmux
openssl openssl
mkfs.xfs xfsprogs
mkfs.ext4 e2fsprogs
losetup util-linux
faketime faketime
strace strace
man man-db
mkfs.vfat dosfstools
mcopy mtools
rsyslogd rsyslog
systemd-analyze systemd
systemd-nspawn systemd-container
xrdp xrdp
xfreerdp freerdp2-x11
freerdp-shadow-cli freerdp2-shadow-x11
Xvfb xvfb
nginx nginx-light
openvpn openvpn
hostapd hostapd
eapol_test eapoltest
curl curl
chromium chromium
swtpm swtpm
END
ls /usr/lib/*/rsyslog/lmnsd_gtls.so >/dev/null 2>&1 || missing="$missing rsyslog-gnutls"
ls /usr/lib/*/ossl-modules/tpm2.so >/dev/null 2>&1 || missing="$missing tpm2-openssl"
ls /usr/lib/*/rsyslog/lmnsd_ossl.so >/dev/null 2>&1 || missing="$missing rsyslog-openssl"
[ -d /usr/lib/python3/dist-packages/prometheus_client ] || missing="$missing python3-prometheus-client"

here=$(dirname "$0")
[ "$(id -u)" != 0 ] || "$here/syslog-ng.sh" || echo 'syslog-ng could not be fetched' >&2
[ "$(id -u)" != 0 ] || "$here/exim.sh" || echo 'exim could not be fetched' >&2
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "missing Debian packages:$missing (as root: make deps)" >&2
  exit 1
fi
echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -qq -y --no-install-recommends $missing >/dev/null
