#!/bin/bash
# deb.sh FOLDER VERSION EPOCH [ARCH]: Debian packages for ARCH (x64, arm64; that of this machine) from dist/, into FOLDER. The
# same commit gives the same bytes. Plain dpkg-deb, since everything lies where it belongs already.
set -euo pipefail
umask 022

top=$(cd "$(dirname "$0")/.." && pwd)
folder=$1 version=$2
export SOURCE_DATE_EPOCH=$3
npm=${4:-$(node -p process.arch)}
case $npm in
  x64) arch=amd64 tools=x86_64-linux-gnu- ;;
  arm64) arch=arm64 tools=aarch64-linux-gnu- ;;
  *) echo "no Node for $npm" >&2; exit 1 ;;
esac
[ "$npm" != "$(node -p process.arch)" ] || tools=
locked() { node -p "require('$top/package-lock.json').packages['node_modules/node-linux-$npm'].$1"; }
node_version=$(locked version)
from=$top/packaging/debian
mkdir -p "$folder"
work=$(mktemp -d "$folder/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
ADDON=$top/$("$top/scripts/cross-addon.sh" "$npm")
export ADDON

# The Node of another architecture is not among what npm installed here; its bytes are those that package-lock.json names.
fetch_node() {
  local digest
  npm pack --silent --pack-destination "$work" "node-linux-$npm@$node_version" >/dev/null
  digest=sha512-$(openssl dgst -sha512 -binary "$work/node-linux-$npm-$node_version.tgz" | base64 -w 0)
  [ "$digest" = "$(locked integrity)" ] || { echo "node-linux-$npm $node_version is not what package-lock.json says" >&2; exit 1; }
  tar -xzf "$work/node-linux-$npm-$node_version.tgz" -C "$work"
}

# stage NAME: the tree of a package, empty.
stage() { mkdir -p "$work/$1/DEBIAN" "$work/$1/usr/share/doc/$1"; }

# document NAME VERSION TITLE COPYRIGHT…: what Debian wants in /usr/share/doc.
document() {
  local doc=$work/$1/usr/share/doc/$1 name=$1
  printf '%s (%s) stable; urgency=medium\n\n  * %s\n\n -- thintrust authors <thintrust@example.com>  %s\n' \
    "$name" "$2" "$3" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.gz"
  shift 3
  cat "$@" >"$doc/copyright"
  install -D -m 0644 "$from/$name.lintian-overrides" "$work/$name/usr/share/lintian/overrides/$name"
  [ ! -e "$from/$name.README.Debian" ] || install -m 0644 "$from/$name.README.Debian" "$doc/README.Debian"
}

# names ROOT FOLDER: the files of /usr/lib/FOLDER.
names() { (cd "$1/usr/lib/$2" 2>/dev/null && echo *.conf) || true; }

# build NAME VERSION: control files and the package.
build() {
  local root=$work/$1 script
  find "$root/usr/share/man" -type f -exec gzip -9n {} + 2>/dev/null || true
  for script in postinst prerm postrm; do
    [ -e "$from/$1.$script" ] || continue
    sed -e "s|@UNITS@|${units:-}|" -e "s|@SYSUSERS@|$(names "$root" sysusers.d)|" -e "s|@TMPFILES@|$(names "$root" tmpfiles.d)|" \
      "$from/$1.$script" >"$root/DEBIAN/$script"
    chmod 0755 "$root/DEBIAN/$script"
  done
  (cd "$root" && find etc -type f 2>/dev/null | sed 's|^|/|' | LC_ALL=C sort >DEBIAN/conffiles) || true
  [ -s "$root/DEBIAN/conffiles" ] || rm -f "$root/DEBIAN/conffiles"
  (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  {
    sed '/^Section:/,$d' "$from/$1.control"
    printf 'Version: %s\nArchitecture: %s\nMaintainer: thintrust authors <thintrust@example.com>\nPriority: optional\n' "$2" "$arch"
    # Of what is in the files, the same on every file system.
    printf 'Installed-Size: %s\n' "$(find "$root" -path "$root/DEBIAN" -prune -o -type f -printf '%s\n' | awk '{ sum += int(($1 + 1023) / 1024) } END { print sum }')"
    sed -n '/^Section:/,$p' "$from/$1.control"
  } >"$root/DEBIAN/control"
  dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$root" "$folder/$1_$2_$arch.deb" >/dev/null
  printf '%s: %d KiB, installed %s\n' "$1_$2_$arch.deb" $(($(stat -c %s "$folder/$1_$2_$arch.deb") / 1024)) \
    "$(sed -n 's/^Installed-Size: //p' "$root/DEBIAN/control") KiB"
}

node=/usr/lib/thintrust-node/node
stage thintrust
"$top/packaging/install.sh" device "$work/thintrust" "$node"
units=$(sed -n 's/^enable //p' "$top"/rootfs-overlay/usr/lib/systemd/system-preset/*.preset | tr '\n' ' ')
document thintrust "$version" 'See https://example.com/thintrust for what changed.' "$top/LICENSE" "$top/dist/THIRD-PARTY.txt"
build thintrust "$version"

stage thintrust-server
"$top/packaging/install.sh" server "$work/thintrust-server" "$node"
document thintrust-server "$version" 'See https://example.com/thintrust for what changed.' "$top/LICENSE" "$top/dist/THIRD-PARTY.txt"
build thintrust-server "$version"

# The runtime changes with its own version only, and takes long to compress.
package=thintrust-node_${node_version}_$arch.deb
if [ ! -e "$folder/$package" ]; then
  stage thintrust-node
  mkdir -p "$work/thintrust-node${node%/node}"
  runtime=$top/node_modules/node-linux-$npm
  [ -d "$runtime" ] || { fetch_node && runtime=$work/package; }
  "${tools}strip" -o "$work/thintrust-node$node" "$runtime/bin/node"
  chmod 0755 "$work/thintrust-node$node"
  document thintrust-node "$node_version" 'Node.js as its project releases it.' "$runtime/LICENSE"
  build thintrust-node "$node_version"
fi
