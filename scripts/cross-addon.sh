#!/bin/sh
# cross-addon.sh ARCH: prints where the addon for ARCH (x64 or arm64) is, made with the compiler for it where that is not this machine.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
if [ "$1" = "$(node -p process.arch)" ]; then
  echo build/native/thintrust.node
  exit
fi
case $1 in arm64) tools=aarch64-linux-gnu ;; *) tools=x86_64-linux-gnu ;; esac
make -s -C "$top/native" "CXX=$tools-g++" "STRIP=$tools-strip" OUT="$top/build/native-$1/thintrust.node" >&2
echo "build/native-$1/thintrust.node"
