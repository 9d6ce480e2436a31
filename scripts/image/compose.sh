#!/bin/sh
# compose.sh BASE.tar NODE ADDON FOLDER: the root file system from Debian, Node and what packaging/install.sh lays, into
# FOLDER/root.ext4; beside it the kernel, its initrd, and how large our files are. As root, or as root of a user namespace.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
base=$1 node=$2 addon=$3 folder=$4
root=$folder/tree
ours=$root/usr/lib/thintrust

mkdir -p "$root"
# Devices are the kernel's (devtmpfs), and a user namespace may make none.
tar -xf "$base" -C "$root" --exclude='./dev/*'
mv "$root/boot/vmlinuz" "$root/boot/initrd.img" "$folder/"
install -m 0755 "$node" "$root/usr/bin/node"

ADDON=$addon "$here/../../packaging/install.sh" device "$root" /usr/bin/node
(cd "$here/root" && find . -type f) | while read -r file; do install -D -m 0644 "$here/root/$file" "$root/$file"; done

# Empty: not a first boot, and every boot gives itself a number, since nothing can be kept here.
: >"$root/etc/machine-id"
ln -sf /run/systemd/resolve/resolv.conf "$root/etc/resolv.conf"
ln -sf /proc/mounts "$root/etc/mtab"
mkdir -p "$root/var/lib/thintrust"
systemd-sysusers --root="$root"
systemctl --root="$root" --quiet preset-all 2>&1 | grep -v "is masked" || true
# The serial line that the kernel was told of is the debugging console of a test machine, whatever its name; the terminal of
# the person has none. Without a login there is no session, and no service manager for its user.
mkdir -p "$root/etc/systemd/system/serial-getty@.service.d"
printf '[Service]\nExecStart=\nExecStart=-/sbin/agetty --skip-login --login-program /bin/sh --noclear %%I vt220\nEnvironment=HOME=/root\n' \
  >"$root/etc/systemd/system/serial-getty@.service.d/shell.conf"
rm -rf "$root"/usr/share/bash-completion/completions/[!t]* "$root"/var/cache/* "$root"/var/lib/apt/lists/* "$root"/var/log/*

find "$ours" -type f -printf '%s %P\n' | sort -rn >"$folder/sizes.txt"
megabytes=$(du -sm "$root" | cut -f 1)
truncate -s $((megabytes + megabytes / 8 + 16))M "$folder/root.ext4"
mke2fs -q -t ext4 -d "$root" -L thintrust-root -m 0 -O '^has_journal' "$folder/root.ext4"
rm -rf "$root"
