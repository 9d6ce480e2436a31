SUMMARY = "A thin client: the agent, its screens, and nothing writable but the data partition"
LICENSE = "MIT"

inherit core-image features_check

REQUIRED_DISTRO_FEATURES = "systemd usrmerge"

IMAGE_FEATURES += "read-only-rootfs"
IMAGE_INSTALL = "packagegroup-core-boot thintrust thintrust-console"
IMAGE_LINGUAS = ""

# Whatever the machine would rather have.
IMAGE_FSTYPES = "wic"
WKS_FILE = "thintrust-ab.wks.in"
# The plugin's name changed between the branches.
THINTRUST_WIC_EFI = "${@'bootimg-efi' if 'scarthgap' in (d.getVar('LAYERSERIES_CORENAMES') or '').split() else 'bootimg_efi'}"
WICVARS:append = " THINTRUST_WIC_EFI"
