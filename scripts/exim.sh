#!/bin/sh
# Unpacks Exim below build/ for the tests: as a Debian package it would put the machine's own mail server out, or start one.
# libnss-wrapper gives it the user it was built for, so that it runs as anybody. Quiet where it is there.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)/build/exim
[ ! -x "$root/usr/sbin/exim4" ] || exit 0
command -v apt-get >/dev/null || exit 0
packages='exim4-daemon-light libidn12 libnss-wrapper libgnutls-dane0 libunbound8 libevent-2.1-7 libprotobuf-c1 libnghttp2-14
  libnsl2 libtirpc3 libdb5.3'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# shellcheck disable=SC2086 # a list of words
apt-get download -qq $packages >/dev/null 2>&1 || { apt-get update -qq && apt-get download -qq $packages >/dev/null 2>&1; }
for package in *.deb; do dpkg -x "$package" unpacked; done
# Set-user-ID programs do not take libraries from elsewhere, and this one needs no rights.
chmod u-s unpacked/usr/sbin/exim4
mkdir -p "$(dirname "$root")"
rm -rf "$root"
mv unpacked "$root"
