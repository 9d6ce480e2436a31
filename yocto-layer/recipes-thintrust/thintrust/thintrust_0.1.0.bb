require thintrust.inc

LICENSE = "MIT & MIT-0 & BSD-3-Clause & ISC"
LIC_FILES_CHKSUM = "file://LICENSE;md5=74762252e166bf3e620a4e538e95ee5c \
                    file://dist/THIRD-PARTY.txt;md5=b70b1d0782b424ffc32e0176c07956bf \
                    "
