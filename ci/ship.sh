# Sourced by aarch64.sh and deb.sh: builds for other machines than this one (docs/architecture.md, "CPU features").
#
#   set_up_target amd64|arm64 PROFILE   packages and environment; sets $arch, $triplet, $built and, for arm64, $arm64
#   build_shipped CARGO_OPTION...       what the options choose in $built, the libraries that only it uses in
#                                       $libraries
#
# Needs pipelines/setup.sh.
# shellcheck shell=bash

# Debian's packages for linking and running on arm64, unpacked into a directory.
arm64_packages=(
    libc6-dev libstdc++-12-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev "${rtsp_packages[@]}"
    gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good
)
features=gst-plugin-cosyvoice3/dynamic-backends,cosyvoice3-cli/dynamic-backends,cosyvoice3-cli/rtsp

set_up_target() {
    local cargo_home=${CARGO_HOME:-$HOME/.cargo} machine
    arch=$1 profile=$2
    case $arch in
        amd64) machine=x86_64 ;;
        arm64) machine=aarch64 ;;
        *) fail "no builds for $arch: amd64 or arm64" ;;
    esac
    triplet=$machine-linux-gnu
    set_up_packages "${build_packages[@]}" "${rtsp_packages[@]}" binutils
    onnxruntime=$root/deps/onnxruntime
    [ "$machine" = "$(uname -m)" ] || onnxruntime+=-$machine
    set_up_onnxruntime "$machine" "$onnxruntime"
    require_rust
    export CARGO_BUILD_TARGET=$machine-unknown-linux-gnu
    export CARGO_TARGET_DIR=$root/target/$machine
    built=$CARGO_TARGET_DIR/$CARGO_BUILD_TARGET/$profile
    strip=strip objdump=objdump

    # Instead of target-cpu=native: what every CPU of the architecture has. No path of this machine is compiled in.
    export RUSTFLAGS="--remap-path-prefix=$cargo_home=cargo"
    local flags="-ffile-prefix-map=$cargo_home=cargo"
    export "CFLAGS_${CARGO_BUILD_TARGET//-/_}=$flags" "CXXFLAGS_${CARGO_BUILD_TARGET//-/_}=$flags"
    # For llama.cpp: its libraries find each other, and are not taken for those of another program.
    export CMAKE_INSTALL_RPATH='$ORIGIN' CMAKE_RELEASE_POSTFIX=-cosyvoice3
    [ "$arch" = amd64 ] || set_up_arm64
}

set_up_arm64() {
    local compiler target_name=${CARGO_BUILD_TARGET//-/_}
    set_up_packages binutils-aarch64-linux-gnu llvm
    [ -d "$(rustc --print sysroot)/lib/rustlib/$CARGO_BUILD_TARGET/lib" ] || rustup target add "$CARGO_BUILD_TARGET" >&2
    strip=aarch64-linux-gnu-strip objdump=aarch64-linux-gnu-objdump
    arm64=$CARGO_TARGET_DIR/root
    unpack_arm64 "$arm64" "${arm64_packages[@]}"

    mkdir -p "$CARGO_TARGET_DIR/bin"
    for compiler in clang clang++; do
        # shellcheck disable=SC2016
        printf '#!/bin/sh\nexec %s "$@" --target=%s --sysroot=%q\n' "$compiler" "$triplet" "$arm64" \
            >"$CARGO_TARGET_DIR/bin/aarch64-$compiler"
        chmod +x "$CARGO_TARGET_DIR/bin/aarch64-$compiler"
    done
    export "CC_$target_name=$CARGO_TARGET_DIR/bin/aarch64-clang"
    export "CXX_$target_name=$CARGO_TARGET_DIR/bin/aarch64-clang++" "AR_$target_name=llvm-ar"
    export "CARGO_TARGET_${target_name^^}_LINKER=$CARGO_TARGET_DIR/bin/aarch64-clang"
    export "BINDGEN_EXTRA_CLANG_ARGS_$target_name=--sysroot=$arm64"
    export PKG_CONFIG_ALLOW_CROSS=1 PKG_CONFIG_SYSROOT_DIR=$arm64
    export PKG_CONFIG_LIBDIR=$arm64/usr/lib/$triplet/pkgconfig:$arm64/usr/share/pkgconfig
}

# unpack_arm64 DIR PACKAGE...: DIR holds the arm64 packages and what they need. Nothing is installed.
unpack_arm64() {
    local dir=$1 state=$1.apt deb link options packages
    shift
    packages="$*"
    [ "$(cat "$state/done" 2>/dev/null)" = "$packages" ] && return 0
    note "fetching Debian's arm64 packages"
    rm -rf "$dir" "$state"
    mkdir -p "$dir/usr/lib" "$dir/usr/bin" "$dir/usr/sbin" "$state/lists/partial" "$state/archives/partial"
    ln -s usr/lib usr/bin usr/sbin "$dir/"
    : >"$state/status"
    options=(
        -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Sandbox::User=root
        -o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::State::lists="$state/lists"
        -o Dir::Cache="$state" -o Dir::Cache::archives="$state/archives" -o Debug::NoLocking=1
    )
    apt-get "${options[@]}" update >&2
    apt-get "${options[@]}" install --yes --no-install-recommends --download-only "$@" >&2
    for deb in "$state"/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$dir"
    done
    # Absolute links lead out of the directory: the linker would take libm.a where libm.so leads nowhere.
    find "$dir" -type l -lname '/*' | while read -r link; do ln -sfr "$dir$(readlink "$link")" "$link"; done
    rm -rf "$state/archives" "$state/lists"
    printf '%s' "$packages" >"$state/done"
}

build_shipped() {
    local llama library place
    # Beside the programs, where they are looked for; among them stands the tool, which has this name.
    libraries=${built%/*}/cosyvoice3
    [ ! -d "$built/cosyvoice3" ] || rm -r "$built/cosyvoice3" # where they were in older checkouts
    mkdir -p "$CARGO_TARGET_DIR"
    note "building for $arch (the first time llama.cpp too, in a variant for each kind of CPU: half an hour on two cores)"
    # Links into the void that llama.cpp's build script leaves, and trips over when it runs again
    [ ! -d "$built" ] || find "$built" "$built/deps" -maxdepth 1 -name 'lib*.so' -xtype l -delete
    (cd "$root" && cargo build --profile "$profile" --features "$features" --message-format=json-render-diagnostics "$@") \
        >"$CARGO_TARGET_DIR/messages"
    # The only way to learn where llama.cpp's build script left its libraries.
    llama=$(sed -n '/"build-script-executed"/{/llama-cpp-sys-2/s/.*"out_dir":"\([^"]*\)".*/\1/p}' "$CARGO_TARGET_DIR/messages")
    [ -d "$llama/backends" ] || fail "llama.cpp's libraries are not where its build script says: $llama"
    rm -rf "$libraries"
    mkdir -p "$libraries"
    for library in "$llama"/lib/lib*.so; do
        cp "$library" "$libraries/$("$objdump" -p "$library" | awk '$1 == "SONAME" { print $2 }')"
    done
    cp "$llama"/backends/libggml-cpu-*.so "$libraries/"
    # GCC 12 miscompiles it: it would end the process at the first product of matrices (findings/gcc12_amx_tile_config.sh).
    # A CPU with AMX takes the best of the others.
    rm -f "$libraries"/libggml-cpu-sapphirerapids*
    "$strip" --strip-unneeded "$libraries"/*
    cp -L "$onnxruntime/libonnxruntime.so" "$libraries/"
    # Tests and examples lie one directory deeper.
    for place in "$built"/{deps,examples}; do
        [ ! -d "$place" ] || ln -sfn ../../cosyvoice3 "$place/cosyvoice3"
    done
}
