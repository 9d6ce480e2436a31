#!/bin/sh
# Installs the Debian packages that `make image` and a virtual machine need. Quiet where all are there.
set -eu

packages='mmdebstrap e2fsprogs fdisk kmod cpio zstd uidmap binutils binutils-x86-64-linux-gnu systemd qemu-system-x86 qemu-utils
 seabios ovmf swtpm'
[ "${1:-x64}" = x64 ] || packages="$packages arch-test qemu-system-arm qemu-user-static binfmt-support g++-aarch64-linux-gnu"
missing=
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "missing Debian packages:$missing (as root: make deps-image)" >&2
  exit 1
fi
echo "installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of words
apt-get install -qq -y --no-install-recommends $missing >/dev/null
