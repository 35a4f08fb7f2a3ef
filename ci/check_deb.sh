#!/usr/bin/env bash
# Installs a package that ci/deb.sh made into a clean Debian 12 and uses it there: ./ci/check_deb.sh FILE.deb
#
# Wants root. The clean system is kept in target/deb/bookworm; what is installed into it lives in memory and is gone after.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../pipelines/setup.sh"
clean=$root/target/deb/bookworm

# other_cpus: which variant of llama.cpp is loaded where, and what a user reads where none fits.
other_cpus() {
    local cpu heard variant
    note "other CPUs, played by qemu"
    apt install --no-install-recommends qemu-user
    for cpu in qemu64 Nehalem Haswell; do
        rm -f "$top/x.wav"
        inside GST_DEBUG=cosyvoice3-llama:5 GST_DEBUG_FILE=/tmp/log GST_DEBUG_NO_COLOR=1 /usr/bin/qemu-x86_64 -cpu "$cpu" \
            /usr/bin/gst-launch-1.0 -q cosyvoice3src text="Да." ! wavenc ! filesink location=x.wav 2>"$top/tmp/error" ||
            fail "on $cpu: $(cat "$top/tmp/error")"
        variant=$(grep -o 'CPU : .*' "$top/tmp/log" | head -n 1)
        heard=$(sound "$top/x.wav")
        printf '%-8s %s: %s\n' "$cpu" "$heard" "$variant"
    done

    note "without a variant that fits"
    mkdir "$private/away"
    mv "$private"/libggml-cpu-*.so "$private/away/"
    inside /usr/bin/gst-launch-1.0 -q cosyvoice3src text="Да." ! fakesink >"$top/tmp/error" 2>&1 && fail "it spoke all the same"
    grep 'no variant of ggml' "$top/tmp/error"
    mv "$private"/away/* "$private/"
    rmdir "$private/away"
}

# no_openssl FILE...: fails where a program or library needs OpenSSL, or has it inside. llama.cpp's common library links it where
# the building machine has it, and its licence would then have to go along.
no_openssl() {
    local file headers symbols
    for file; do
        headers=$(objdump -p "$file")
        symbols=$(nm -D "$file")
        if grep -E 'NEEDED +lib(ssl|crypto)\.' <<<"$headers"; then fail "$file needs OpenSSL"; fi
        if grep -E ' (SSL|EVP|X509|OPENSSL|CRYPTO)_' <<<"$symbols"; then fail "$file has symbols of OpenSSL"; fi
        # A static library leaves no symbols in a stripped file, but its version.
        if grep -aoE 'OpenSSL [0-9]+\.[0-9]+' "$file"; then fail "$file has OpenSSL inside"; fi
    done
}

# in_clean_root PACKAGE: the checks, in a mount namespace of their own.
in_clean_root() {
    local top=/mnt private triplet file
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/upper /mnt/work /mnt/root
    mount -t overlay overlay -o "lowerdir=$clean,upperdir=/mnt/upper,workdir=/mnt/work" /mnt/root
    top=/mnt/root
    mount -t proc proc "$top/proc"
    cp --dereference /etc/resolv.conf "$top/etc/resolv.conf"
    cp "$1" "$top/tmp/package.deb"
    inside() { chroot "$top" /usr/bin/env -i "$@"; }
    apt() {
        inside PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
            apt-get -qq -o Dpkg::Use-Pty=0 --yes "$@" >/dev/null
    }

    note "apt-get install ./$(basename "$1")"
    apt update
    apt install /tmp/package.deb
    inside /usr/bin/dpkg-query -W gstreamer1.0-cosyvoice3

    note "gst-inspect-1.0 cosyvoice3src"
    inside /usr/bin/gst-inspect-1.0 cosyvoice3src | sed -n '1,/^Pad Templates/p'
    inside /usr/bin/gst-inspect-1.0 --print-blacklist | grep -x 'Total count: 0 blacklisted files' ||
        fail "GStreamer took a library of the package for a plugin"

    note "gst-launch-1.0 cosyvoice3src, with an empty environment"
    speak() {
        rm -f "$top/x.wav"
        inside "$@" /usr/bin/gst-launch-1.0 -q cosyvoice3src text="Готово." ! wavenc ! filesink location=x.wav
        sound "$top/x.wav"
    }
    time speak

    triplet=$(inside /usr/bin/dpkg -L gstreamer1.0-cosyvoice3 | sed -n 's,/usr/lib/\([^/]*\)/cosyvoice3$,\1,p')
    private=$top/usr/lib/$triplet/cosyvoice3

    note "no OpenSSL"
    no_openssl "$private/cosyvoice3" "$top/usr/lib/$triplet/gstreamer-1.0/libgstcosyvoice3.so"

    note "the tool, found in PATH"
    inside PATH=/usr/bin cosyvoice3 model inspect /usr/share/cosyvoice3/models/demo
    inside PATH=/usr/bin cosyvoice3 model random /tmp/random
    inside PATH=/usr/bin cosyvoice3 model convert /tmp/random /tmp/model

    note "cosyvoice3, with its manual and completions"
    inside PATH=/usr/bin cosyvoice3 voice list
    inside PATH=/usr/bin cosyvoice3 text --language ru 'Поезд отправляется через 5 минут.' | grep -x 'Поезд отправляется через пять минут.'
    rm -f "$top/x.wav"
    printf '1\n00:00:01,000 --> 00:00:03,000\nГотово.\n' >"$top/x.srt"
    inside PATH=/usr/bin cosyvoice3 say --float --output=x.wav x.srt
    sound "$top/x.wav"
    for file in man/man1/cosyvoice3-{say,voice-add,model-convert}.1.gz bash-completion/completions/cosyvoice3 zsh/vendor-completions/_cosyvoice3 \
        fish/vendor_completions.d/cosyvoice3.fish; do
        [ -s "$top/usr/share/$file" ] || fail "/usr/share/$file is missing"
    done

    note "the server's service"
    inside PATH=/usr/bin cosyvoice3 serve --help | head -n 1
    apt install --no-install-recommends systemd
    inside /usr/bin/systemd-analyze verify /usr/lib/systemd/system/cosyvoice3-serve.service

    if compgen -G "$private/libggml-cpu-*.so" >/dev/null; then
        other_cpus
    else
        note "this package is for one kind of CPU"
    fi

    note "apt-get purge"
    apt purge gstreamer1.0-cosyvoice3
    [ ! -e "$private" ] && [ ! -e "$top/usr/share/cosyvoice3" ] || fail "files are left behind"
    note "passed"
}

# sound FILE: how long a float WAV file is and how loud; fails where it is empty or silent.
sound() {
    python3 - "$1" <<'END'
import array, sys
data = open(sys.argv[1], "rb").read()
samples = array.array("f", data[data.index(b"data") + 8 :][: (len(data) - 44) // 4 * 4])
seconds, peak = len(samples) / 24000, max(map(abs, samples), default=0.0)
print(f"{seconds:.2f} s, peak {peak:.2f}")
sys.exit(seconds < 0.2 or peak < 0.05)
END
}

case ${1:-} in
    --inside) in_clean_root "$2" ;;
    *.deb)
        package=$(realpath "$1")
        if [ ! -e "$clean/done" ]; then
            set_up_packages debootstrap
            note "making a clean Debian 12"
            as_root rm -rf "$clean"
            mkdir -p "$(dirname "$clean")"
            as_root debootstrap --variant=minbase bookworm "$clean" >"$clean.log"
            as_root touch "$clean/done"
        fi
        as_root unshare --mount --propagation private "${BASH_SOURCE[0]}" --inside "$package"
        ;;
    *) fail "usage: ci/check_deb.sh FILE.deb" ;;
esac
