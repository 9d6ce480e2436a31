require thintrust.inc

LICENSE = "MIT & MIT-0 & BSD-3-Clause & ISC"
LIC_FILES_CHKSUM = "file://LICENSE;md5=74762252e166bf3e620a4e538e95ee5c \
                    file://dist/THIRD-PARTY.txt;md5=42b2775860e34fa32f2bdf2847016bdf \
                    "
