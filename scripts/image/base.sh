#!/bin/sh
# base.sh ARCH TAR: Debian without what only people read, with a kernel in /boot and the few of its modules that a virtual
# machine needs. ARCH is amd64 or arm64. Also the hook of mmdebstrap itself: base.sh --hook ROOT ARCH. Rootless where it is not
# started by root.
set -eu

# Nothing is installed of it but the files named in `hook`. Not the one for clouds, which knows no USB.
kernel_of() { echo "linux-image-$1"; }
modules='virtio_pci virtio_mmio virtio_blk virtio_scsi virtio_net virtio-rng virtio_input virtio_gpu virtio_console nvme ext4
 crc32c_generic crc32c vfat exfat isofs sd_mod sr_mod loop nls_utf8 nls_cp437 nls_ascii nls_iso8859-1 autofs4 usb-storage
 uas xhci_pci xhci_plat_hcd ehci_pci uhci_hcd usbhid hid_generic evdev tpm_tis tpm_tis_core'
# What finds the root: for kernels that have neither disk nor file system built in.
early='virtio_pci virtio_mmio virtio_blk nvme crc32c_generic ext4'

hook() {
  root=$1 arch=$2
  export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
  work=$root/tmp/extra
  mkdir "$work"
  cd "$work"
  kernel=$(apt-cache depends "$(kernel_of "$arch")" | sed -n 's/^ *Depends: \(linux-image-[^ ]*\).*/\1/p' | head -n 1)
  [ -n "$kernel" ] || { echo "no kernel for $arch among the packages" >&2; exit 1; }
  apt-get -o APT::Sandbox::User=root download -qq "$kernel" console-setup-linux busybox-static
  for package in ./*.deb; do dpkg-deb -x "$package" files; done

  mkdir -p "$root/usr/share/consolefonts" "$root/boot"
  cp files/usr/share/consolefonts/CyrKoi-Terminus*16.psf.gz files/usr/share/consolefonts/CyrKoi-VGA16.psf.gz \
    "$root/usr/share/consolefonts/"
  cp files/boot/vmlinuz-* "$root/boot/vmlinuz"
  version=$(ls files/lib/modules)
  depmod -b files "$version"
  for module in $modules; do needs "$module"; done | sort -u | while read -r file; do
    mkdir -p "$root/usr/$(dirname "$file")"
    cp "files/$file" "$root/usr/$file"
  done
  cp files/lib/modules/"$version"/modules.builtin* files/lib/modules/"$version"/modules.order \
    "$root/usr/lib/modules/$version/"
  depmod -b "$root" "$version"

  mkdir -p initrd/bin initrd/proc initrd/dev initrd/root initrd/modules
  cp files/bin/busybox initrd/bin/
  number=100
  for module in $early; do needs "$module"; done | awk '!seen[$0]++' | while read -r file; do
    number=$((number + 1))
    cp "files/$file" "initrd/modules/$number-$(basename "$file")"
  done
  install -m 0755 "$here/initrd-init" initrd/init
  find initrd -exec touch -h -d @0 {} +
  (cd initrd && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc | gzip -n9) >"$root/boot/initrd.img"
  cd /
  rm -rf "$work"
}

# The files of a module and of what it needs, the needed first; nothing where it is built in or not there.
needs() {
  modprobe -d files -S "$version" --show-depends "$1" 2>/dev/null | sed -n 's|^insmod .*/\(lib/modules/[^ ]*\).*|\1|p' || true
}

here=$(cd "$(dirname "$0")" && pwd)
if [ "$1" = --hook ]; then
  hook "$2" "$3"
  exit
fi

arch=$1
packages='systemd,systemd-sysv,systemd-resolved,systemd-timesyncd,udev,dbus,kbd,iproute2,kmod,e2fsprogs,libstdc++6'
packages="$packages,libatomic1,ca-certificates"
mode=unshare
[ "$(id -u)" != 0 ] || mode=root
drop() { echo "--dpkgopt=path-exclude=$1"; }
mmdebstrap --quiet --format=tar --mode=$mode --variant=essential --arch="$arch" --include="$packages" \
  "$(drop '/usr/share/doc/*')" "$(drop '/usr/share/man/*')" "$(drop '/usr/share/locale/*')" "$(drop '/usr/share/info/*')" \
  "$(drop '/usr/share/lintian/*')" --customize-hook="'$here/base.sh' --hook \"\$1\" $arch" bookworm "$2.new"
mv "$2.new" "$2"
