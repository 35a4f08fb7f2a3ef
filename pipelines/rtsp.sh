#!/usr/bin/env bash
# Serves a camera's picture with spoken announcements by RTSP: ./pipelines/rtsp.sh [OPTION VALUE]...
#
# Each line of the standard input is said, to all clients. A test picture is the camera unless --camera rtsp://... names
# one, or --camera-file FILE a file with its address, for an address with a password. These are the options of
# cosyvoice3 serve (--help lists them), which takes texts by POST to http://127.0.0.1:8080/say too.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
set_up
set_up_rtsp
eval "$("$root/pipelines/env.sh" --no-set-up)"
case " $* " in
    *" --rtsp "* | *" --rtsp="*) ;;
    *) set -- --rtsp "$@" ;;
esac
exec cosyvoice3 serve "$@"
