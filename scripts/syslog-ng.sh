#!/bin/sh
# Unpacks syslog-ng below build/ for the tests: as a Debian package it would put rsyslog out. Quiet where it is there.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)/build/syslog-ng
[ ! -x "$root/usr/sbin/syslog-ng" ] || exit 0
command -v apt-get >/dev/null || exit 0
packages='syslog-ng-core libivykis0 libnet1 libjson-c5 libwrap0 libpcre3 libglib2.0-0'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
# shellcheck disable=SC2086 # a list of words
apt-get download -qq $packages >/dev/null 2>&1 || { apt-get update -qq && apt-get download -qq $packages >/dev/null 2>&1; }
for package in *.deb; do dpkg -x "$package" unpacked; done
mkdir -p "$(dirname "$root")"
rm -rf "$root"
mv unpacked "$root"
