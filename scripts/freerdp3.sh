#!/bin/sh
# FreeRDP 3 and a systemd for the tests, in a small root of Debian 13 beside this machine's own system. As root; minutes and
# 700 MB. Quiet where it is there.
set -eu

root=/var/cache/thintrust-test/trixie
[ ! -x "$root/usr/bin/xfreerdp3" ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo 'make deps-freerdp3 needs root' >&2
  exit 1
fi
if ! command -v debootstrap >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends debootstrap >/dev/null
fi
echo 'FreeRDP 3: debootstrap …'
rm -rf "$root" "$root.new"
mkdir -p "$(dirname "$root")"
make_root() {
  rm -rf "$root.new"
  debootstrap --variant=minbase --include=freerdp3-x11,systemd \
    trixie "$root.new" http://deb.debian.org/debian >"$root.log" 2>&1
}
# A mirror may stumble once.
make_root || make_root || {
  tail -n 5 "$root.log" >&2
  exit 1
}
echo '127.0.0.1 localhost' >"$root.new/etc/hosts"
mv "$root.new" "$root"
