#!/usr/bin/env bash
# Makes the Debian package: ./ci/deb.sh [--arch arm64] [--native] [--check]
#
# The package is target/deb/gstreamer1.0-cosyvoice3_VERSION_ARCH.deb. It holds plugin, tools, voice, and the libraries that
# only they use: llama.cpp with a variant for each kind of CPU, and ONNX Runtime. --arch arm64 takes what ci/aarch64.sh
# builds. --native packs what ./tests/run.sh builds, for this machine's CPU alone: to try the packaging out. --check
# installs it into a clean Debian 12 and lets it speak there: that wants root.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
. "$here/../pipelines/setup.sh"
. "$here/ship.sh"
cd "$root"

architecture=amd64 check= compression=xz
while [ $# != 0 ]; do
    case $1 in
        --arch) architecture=${2:-} && shift ;;
        --native) architecture=native ;;
        --check) check=1 ;;
        *) fail "usage: ci/deb.sh [--arch amd64|arm64] [--native] [--check]" ;;
    esac
    shift
done
name=gstreamer1.0-cosyvoice3
shipped=(gst-plugin-cosyvoice3 cosyvoice3-cli)

# lay_out: the package's files in $built/deb, as they will lie in the system.
lay_out() {
    local top=$built/deb private=$built/deb/usr/lib/$triplet/cosyvoice3 doc=$built/deb/usr/share/doc/$name
    local share=$built/deb/usr/share/cosyvoice3/models
    rm -rf "$top"
    # Not below gstreamer-1.0: GStreamer would take each of these libraries for a plugin.
    mkdir -p "$top"/etc/{default,cosyvoice3-serve} "$top/usr/bin" "$top/usr/lib/$triplet/gstreamer-1.0" \
        "$private/licences" "$doc" "$share" "$top/usr/lib/systemd/system"
    cp "$built/libgstcosyvoice3.so" "$top/usr/lib/$triplet/gstreamer-1.0/"
    cp "$built/cosyvoice3" "$libraries"/*.so* "$private/"
    # Beside the libraries, since programs look for them from their own place.
    ln -s "../lib/$triplet/cosyvoice3/cosyvoice3" "$top/usr/bin/"
    cp ci/debian/cosyvoice3-serve.default "$top/etc/default/cosyvoice3-serve"
    cp ci/debian/cosyvoice3-serve.camera "$top/etc/cosyvoice3-serve/camera"
    cp ci/debian/cosyvoice3-serve.api-keys "$top/etc/cosyvoice3-serve/api-keys"
    cp ci/debian/cosyvoice3-serve.service "$top/usr/lib/systemd/system/"
    cp -r models/demo "$share/"
    "$strip" --strip-unneeded "$top/usr/lib/$triplet/gstreamer-1.0/libgstcosyvoice3.so" "$private/cosyvoice3"
    lay_out_help "$top"

    cp "$onnxruntime/LICENSE" "$private/licences/onnxruntime.txt"
    cp "$onnxruntime/ThirdPartyNotices.txt" "$private/licences/onnxruntime-third-party.txt"
    cargo metadata --format-version 1 --filter-platform "${triplet/linux/unknown-linux}" |
        python3 ci/notices.py "${shipped[@]}" | gzip -9n >"$doc/third-party-notices.gz"
    cp ci/debian/copyright "$doc/"
    cp README.md "$doc/"
    find "$top" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
    chmod 755 "$private/cosyvoice3"
    # They may hold a password, and keys.
    chmod 640 "$top"/etc/cosyvoice3-serve/*
}

# lay_out_help TOP: the tool's manual pages and completions, which it writes itself.
lay_out_help() {
    local man=$1/usr/share/man/man1 share=$1/usr/share tool=("$built/cosyvoice3")
    # Made for another machine, it runs here under qemu; its libraries lie in the package.
    [ "$arch" = "$(dpkg --print-architecture)" ] || tool=(qemu-aarch64 -L "$arm64" "${tool[@]}")
    mkdir -p "$man" "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
    "${tool[@]}" man "$man"
    gzip -9n "$man"/*.1
    "${tool[@]}" completions bash >"$share/bash-completion/completions/cosyvoice3"
    "${tool[@]}" completions zsh >"$share/zsh/vendor-completions/_cosyvoice3"
    "${tool[@]}" completions fish >"$share/fish/vendor_completions.d/cosyvoice3.fish"
}

# control_files: what dpkg reads, beside the package's files.
control_files() {
    local top=$built/deb version
    version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
    mkdir "$top/DEBIAN"
    cp ci/debian/{conffiles,postinst,postrm,prerm} "$top/DEBIAN/"
    chmod 755 "$top"/DEBIAN/{postinst,postrm,prerm}
    sed -e "s/@VERSION@/$version-1/" -e "s/@ARCHITECTURE@/$arch/" -e "s/@SIZE@/$(du -sk --exclude DEBIAN "$top" | cut -f1)/" \
        ci/debian/control >"$top/DEBIAN/control"
    (cd "$top" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    package=target/deb/${name}_$version-1_$arch.deb
}

# needed_packages: what the libraries of the system come from that the package's files are linked to.
needed_packages() {
    local work file files=()
    work=$(mktemp -d)
    mkdir "$work/debian"
    touch "$work/debian/control"
    for file in "$built"/deb/usr/{bin,"lib/$triplet"/{gstreamer-1.0,cosyvoice3}}/*; do
        [ -d "$file" ] || [ -L "$file" ] || files+=("-e$file")
    done
    (cd "$work" && dpkg-shlibdeps -O --ignore-missing-info "-l$built/deb/usr/lib/$triplet/cosyvoice3" "${files[@]}" 2>/dev/null) |
        sed -n 's/^shlibs:Depends=//p'
    rm -rf "$work"
}

# all_needed_are_named: fails where the package's control file leaves out one of them.
all_needed_are_named() {
    local named needed missing
    named=$(dpkg-deb --field "$package" Depends) needed=$(needed_packages)
    printf 'depends on  %s\nis linked to %s\n' "$named" "$needed"
    missing=$(comm -13 <(package_names "$named") <(package_names "$needed"))
    [ -z "$missing" ] || fail "ci/debian/control does not name: ${missing//$'\n'/, }"
}

package_names() {
    tr ',' '\n' <<<"$1" | awk '{ print $1 }' | sort -u
}

# native: what tests/run.sh builds, where the others have what set_up_target and build_shipped make.
native() {
    set_up_packages "${build_packages[@]}"
    set_up_onnxruntime
    set_up_plugin
    set_up_rtsp
    compression=gzip # a tenth of the time
    arch=$(dpkg --print-architecture) triplet=$(uname -m)-linux-gnu built=$target/release strip=strip libraries=$target/cosyvoice3
    onnxruntime=$root/deps/onnxruntime
}

case $architecture in
    native) native ;;
    # Packed is what ci/aarch64.sh has tested.
    arm64)
        set_up_target arm64 release
        build_shipped --workspace
        set_up_packages qemu-user
        ;;
    *)
        set_up_target "$architecture" dist
        build_shipped "${shipped[@]/#/--package=}"
        ;;
esac
lay_out
control_files
mkdir -p target/deb
dpkg-deb --root-owner-group "-Z$compression" --build "$built/deb" "$package" >/dev/null
note "made $package"
ls -s --block-size=k "$package"
[ "$arch" != "$(dpkg --print-architecture)" ] || all_needed_are_named
[ -z "$check" ] || "$here/check_deb.sh" "$package"
