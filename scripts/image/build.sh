#!/bin/bash
# build.sh ARCH FOLDER: the image for ARCH (x64 or arm64) as FOLDER/{root.ext4,vmlinuz,initrd.img,data.img,sizes.txt}. Each
# step is kept by the content of what went into it, in the cache of the tests or below build/.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
arch=$1 folder=$2
case $arch in x64) debian=amd64 ;; arm64) debian=arm64 ;; *) echo "no image for $arch" >&2; exit 2 ;; esac
cache=/var/cache/thintrust-test/image
mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ] || cache=$top/build/image-cache
mkdir -p "$cache" "$folder"

# Names and contents of files and folders, in one order.
key() { (cd "$top" && find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16); }
since() { echo "$1: $((SECONDS - began)) s"; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else unshare --map-auto --map-root-user "$@"; fi; }

began=$SECONDS
base=$cache/base-$arch-$(key scripts/image/base.sh scripts/image/initrd-init).tar
[ -e "$base" ] || "$here/base.sh" "$debian" "$base"
since "Debian ($base)"

began=$SECONDS
node=$cache/node-$arch-$(key scripts/image/node)
if [ ! -e "$node" ]; then
  rm -rf "$node.new"
  mkdir "$node.new"
  cp "$here"/node/package*.json "$node.new/"
  npm ci --prefix "$node.new" --cpu="$arch" --os=linux --no-audit --no-fund --loglevel=error
  "$([ "$arch" = x64 ] && echo x86_64 || echo aarch64)-linux-gnu-strip" "$node.new/node_modules/node-linux-$arch/bin/node"
  mv "$node.new" "$node"
fi
since "Node ($node)"

began=$SECONDS
addon=$("$top/scripts/cross-addon.sh" "$arch")
device=$(printf 'dist/%s.cjs ' thintrustd thintrust thintrust-session thintrust-ui)
# shellcheck disable=SC2086 # a list of files
inputs=$(cd "$top" && key rootfs-overlay packaging/install.sh scripts/image $device dist/usr "$addon")
root=$cache/root-$arch-$(echo "$base $node $inputs" | sha256sum | cut -c 1-16)
if [ ! -e "$root" ]; then
  rm -rf "$root.new"
  mkdir "$root.new"
  as_root "$here/compose.sh" "$base" "$node/node_modules/node-linux-$arch/bin/node" "$top/$addon" "$root.new"
  truncate -s 320M "$root.new/data.img"
  echo 'label: gpt
name=thintrust-data' | sfdisk --quiet "$root.new/data.img"
  mv "$root.new" "$root"
fi
for file in root.ext4 vmlinuz initrd.img sizes.txt data.img; do
  rm -f "$folder/$file"
  cp --sparse=always --preserve=timestamps "$root/$file" "$folder/$file"
done
touch "$root"
# The last three stay; each is a few hundred megabytes.
find "$cache" -maxdepth 1 -name "root-$arch-*" -printf '%T@ %p\n' | sort -rn | tail -n +4 | cut -d ' ' -f 2- | xargs -r rm -rf
since "image ($root)"
awk '{ sum += $1 } END { printf "our files: %.1f MB\n", sum / 1e6 }' "$folder/sizes.txt"
