"""The published Python package `zeroconf` against `cosyvoice3 serve --zeroconf`: zeroconf_client.py NAME ADDRESS PORT

Looks for the server of that name as Home Assistant does, asks it at the address that it finds who it is, and waits until
it is gone. Run by crates/cosyvoice3-cli/tests/serve/wyoming.rs where the package is installed.
"""
import json
import queue
import socket
import sys

from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

KIND = "_wyoming._tcp.local."
PATIENCE = 60

name, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
changes = queue.Queue()


def on_change(zeroconf, service_type, name, state_change):
    changes.put((name, state_change))


def wait_for(wanted):
    while True:
        found, change = changes.get(timeout=PATIENCE)
        if (found, change) == (f"{name}.{KIND}", wanted):
            return


network = Zeroconf(interfaces=[address])
ServiceBrowser(network, KIND, handlers=[on_change])
wait_for(ServiceStateChange.Added)
info = network.get_service_info(KIND, f"{name}.{KIND}", timeout=1000 * PATIENCE)
assert (info.parsed_addresses(), info.port) == ([address], port), info
with socket.create_connection((info.parsed_addresses()[0], info.port), timeout=PATIENCE) as stream:
    stream.sendall(b'{"type": "describe"}\n')
    answer = json.loads(stream.makefile("rb").readline())
assert answer["type"] == "info", answer
print("found", flush=True)
wait_for(ServiceStateChange.Removed)
print("gone", flush=True)
network.close()
