#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# arm-sysroot.sh FOLDER PACKAGE... - a folder with the 64-bit Arm builds of Debian packages and all that they
# need, to compile against and to run programs in with qemu-aarch64 -L.
#
# apt fetches them from where this system gets its own packages, with a state of its own inside FOLDER: the
# system's is neither touched nor needed, nor is root. A folder that is there already is kept. Ubuntu serves
# Arm from other addresses than amd64, so there this fails, and says so.
set -euo pipefail
# shellcheck source=tools/setup-lib.sh
. "$(dirname "$0")/setup-lib.sh"

folder=$(realpath -m "$1")
shift
wanted="$*"
if [ "$(cat "$folder/packages" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
for tool in apt-get dpkg-deb; do
    command -v "$tool" >/dev/null || die "this needs $tool"
done

rm -rf "$folder"
mkdir -p "$folder/apt/state/lists/partial" "$folder/apt/cache/archives/partial"
: >"$folder/apt/status"

# apt_get ARGUMENT...: an apt that knows no architecture but Arm, and no installed package.
apt_get() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User= \
        -o Dir::State="$folder/apt/state" -o Dir::State::status="$folder/apt/status" \
        -o Dir::Cache="$folder/apt/cache" -o Acquire::Languages=none "$@"
}

say "fetching $wanted for Arm"
apt_get update
apt_get install --yes --download-only --no-install-recommends "$@"
for package in "$folder"/apt/cache/archives/*.deb; do
    dpkg-deb --extract "$package" "$folder"
done
rm -rf "$folder/apt"
echo "$wanted" >"$folder/packages"
