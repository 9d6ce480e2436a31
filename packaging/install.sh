#!/bin/sh
# install.sh device|server ROOT [NODE]: lays what was built (dist/) and what belongs beside it at its real paths below ROOT.
# The Yocto recipe, the Debian packages and the images all install by this script, so that they cannot differ.
#   NODE   the interpreter the programs name in their first line (/usr/bin/node)
#   ADDON  in the environment: the addon built for ROOT's architecture (dist/thintrust.node)
set -eu
umask 022

part=$1
root=$2
node=${3:-/usr/bin/node}
here=$(cd "$(dirname "$0")/.." && pwd)
addon=${ADDON:-$here/dist/thintrust.node}

# program NAME FOLDER: one bundle, executable.
program() {
  mkdir -p "$root$2"
  {
    printf '#!%s\n' "$node"
    tail -n +2 "$here/dist/$1.cjs"
  } >"$root$2/$1"
  chmod 0755 "$root$2/$1"
}

# tree FOLDER: everything in it but what describes it. A file is executable there if it is here.
tree() {
  (cd "$1" && find . \( -type f -o -type l \) ! -name README.md) | sort | while read -r path; do
    mkdir -p "$root/$(dirname "$path")"
    cp -P "$1/$path" "$root/$path"
    [ -L "$root/$path" ] || if [ -x "$1/$path" ]; then chmod 0755 "$root/$path"; else chmod 0644 "$root/$path"; fi
  done
}

# link PATH TARGET
link() {
  mkdir -p "$root$(dirname "$1")"
  ln -sfn "$2" "$root$1"
}

case $part in
  device)
    folder=/usr/lib/thintrust
    for name in thintrustd thintrust thintrust-ui thintrust-session; do program "$name" "$folder"; done
    mkdir -p "$root$folder/usr"
    for terminal in "$here"/dist/usr/*; do install -m 0644 "$terminal" "$root$folder/usr/"; done
    tree "$here/rootfs-overlay"
    link /usr/bin/thintrust "..${folder#/usr}/thintrust"
    link /usr/bin/thintrust-ui "..${folder#/usr}/thintrust-ui"
    ;;
  server)
    folder=/usr/lib/thintrust-server
    program thintrust-server "$folder"
    (cd "$here/dist" && find web -type f) | while read -r path; do install -D -m 0644 "$here/dist/$path" "$root$folder/$path"; done
    tree "$here/packaging/server-overlay"
    ;;
  *)
    echo "install.sh: device or server, not $part" >&2
    exit 2
    ;;
esac
install -m 0644 "$addon" "$root$folder/thintrust.node"
