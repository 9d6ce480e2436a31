require thintrust.inc

LICENSE = "MIT & BSD-3-Clause & ISC"
LIC_FILES_CHKSUM = "file://LICENSE;md5=74762252e166bf3e620a4e538e95ee5c \
                    file://dist/THIRD-PARTY.txt;md5=c470df9f254a6e7ef5c01039bf980bbf \
                    "
