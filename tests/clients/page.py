"""The page of `cosyvoice3 serve --voice-changes` in a real browser: page.py http://ADDRESS RECORDING [SCREENSHOT]

Needs chromium and chromedriver (Debian: chromium, chromium-driver). Types a text, hears it while it is made and to its end,
stops it, downloads it, changes the speed, queues and cancels an announcement, adds a voice from the file RECORDING (WAV) and
from a microphone that hears it, deletes it, changes the language; by keyboard alone where a person would.
Run by crates/cosyvoice3-cli/tests/serve/page.rs where chromedriver is installed.
"""
import array
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import wave

PATIENCE = 120


class Browser:
    """A session of WebDriver, which is JSON by HTTP."""

    def __init__(self, heard):
        """The file `heard` is what the microphone hears."""
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        for line in self.driver.stdout:
            if "successfully on port " in line:
                port = line.split("on port ")[1].strip().rstrip(".")
                break
        self.base = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio", "--window-size=1000,1100",
                     "--autoplay-policy=no-user-gesture-required", "--lang=en", "--use-fake-ui-for-media-stream",
                     "--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={heard}"]
        capabilities = {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}}
        try:
            self.base += "/" + self.call("", {"capabilities": capabilities})["sessionId"]
        except OSError:
            self.driver.kill()
            raise

    def call(self, path, data=None, method=None):
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.base + path, body, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise OSError(json.load(error)["value"]["message"]) from None

    def run(self, script, *arguments):
        return self.call("/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, what, script):
        end = time.monotonic() + PATIENCE
        while not self.run(f"return {script}"):
            assert time.monotonic() < end, f"{what}: {self.run('return document.body.innerText')}"

    def press(self, keys):
        keys = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("/actions", {"actions": [{"type": "key", "id": "keys", "actions": keys}]})

    def find(self, selector):
        (element,) = self.call("/element", {"using": "css selector", "value": selector}).values()
        return f"/element/{element}"

    def click(self, selector):
        self.call(f"{self.find(selector)}/click", {})

    def type(self, selector, text):
        self.call(f"{self.find(selector)}/value", {"text": text})

    def end(self):
        try:
            # Without it the browser outlives its driver.
            self.call("", method="DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait()


TAB, ENTER, RIGHT = "\ue004", "\ue007", "\ue014"
RATE = 24000

# Sound for the loudspeaker goes to a meter too.
METER = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode) {
    window.meter ??= new Map();
    if (!meter.has(target)) meter.set(target, target.context.createAnalyser());
    connect.call(this, meter.get(target));
  }
  return connect.call(this, target, ...rest);
};
window.level = () => {
  const analyser = meter?.get(playing.context.destination);
  const samples = new Float32Array(analyser?.fftSize ?? 0);
  analyser?.getFloatTimeDomainData(samples);
  return Math.max(0, ...samples.map(Math.abs));
};
"""


VOICE_STATUS = "document.getElementById('voice-status').textContent"
WORDS = "Поезд отправляется через пять минут с третьего пути."


def add_voices(browser, recording):
    """A voice from a file and one from the microphone; both are deleted."""
    browser.type("#name", "from-file")
    browser.click("#add")
    browser.wait("a recording is asked for", f"{VOICE_STATUS}.startsWith('Choose a sound file')")
    browser.type("#file", recording)
    browser.wait("the preview", "!document.getElementById('heard').hidden")
    browser.type("#transcript", WORDS)
    # By keyboard: Tab to the button.
    for _ in range(10):
        browser.press([TAB])
        if browser.run("return document.activeElement.id") == "add":
            break
    browser.press([ENTER])
    browser.wait("the voice", f"{VOICE_STATUS}.startsWith('The voice from-file is added.')")
    assert browser.run("return document.activeElement.id") == "add", "the focus is lost"
    assert browser.run("return document.getElementById('voice').value") == "from-file"
    # The same name again is the server's refusal.
    browser.type("#name", "from-file")
    browser.type("#file", recording)
    browser.click("#add")
    browser.wait("the refusal", f"{VOICE_STATUS}.includes('already exists')")
    browser.run("document.getElementById('adding').reset()")
    browser.type("#name", "recorded")
    browser.click("#record")
    browser.wait("the recording", f"{VOICE_STATUS}.startsWith('Recording')")
    assert browser.run("return document.getElementById('record').ariaPressed") == "true"
    # As long as a voice needs, by the browser's own clock.
    browser.run("window.recordedSince = performance.now()")
    browser.wait("five seconds", "performance.now() - recordedSince > 5000")
    browser.click("#record")
    browser.wait("the end", f"{VOICE_STATUS} === 'Recorded.'")
    browser.click("#add")
    browser.wait("the voice", f"{VOICE_STATUS}.startsWith('The voice recorded is added.')")
    for name in ["from-file", "recorded"]:
        browser.click(f"#voices button[aria-label='Delete {name}']")
        browser.call("/alert/accept", {})
        browser.wait("the deletion", f"{VOICE_STATUS} === 'The voice {name} is deleted.'")
        assert browser.run("return document.activeElement.id") == "voices-title", "the focus is lost"
    left = browser.run("return [...document.querySelectorAll('#voice option')].map((option) => option.value)")
    assert left and not {"from-file", "recorded"} & set(left), left
    # The model's own voices have no button.
    assert browser.run("return document.querySelectorAll('#voices button').length") == 0


def speak(browser):
    """Has the text spoken; returns the number of samples once all of it is there."""
    browser.click("#speak")
    browser.wait("the first sound", "length() > 0")
    browser.wait("it is played", "playing.context.state === 'running' && level() > 0.01")
    browser.wait("the speech", "!document.getElementById('download').hidden")
    return browser.run("return length()")


def hear_and_download(browser, directory):
    """Speech is heard to its end, in time; the file holds what was heard; twice the speed is half as long."""
    browser.run(METER)
    count = speak(browser)
    assert not browser.run("return document.getElementById('stop').disabled"), "it plays on"
    browser.wait("the end of the sound", "document.getElementById('stop').disabled")
    played = browser.run("return playing.context.currentTime")
    assert played >= count / RATE, f"{played} s were played, of {count / RATE}"
    browser.call("/goog/cdp/execute", {"cmd": "Browser.setDownloadBehavior",
                                       "params": {"behavior": "allow", "downloadPath": directory}})
    browser.click("#download")
    path = os.path.join(directory, "speech.wav")
    end = time.monotonic() + PATIENCE
    while not (os.path.exists(path) and os.path.getsize(path) == 44 + 2 * count):
        assert time.monotonic() < end, f"the download: {os.listdir(directory)}"
        time.sleep(0.05)
    with wave.open(path) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (1, 2, RATE, count)
        loudest = max(abs(sample) for sample in array.array("h", file.readframes(count)))
    assert loudest > 1000, f"at most {loudest}"
    # By keyboard, as far as it goes.
    browser.run("document.getElementById('speed').focus()")
    browser.press([RIGHT] * 20)
    assert browser.run("return document.getElementById('shown').value") == "2.00"
    ratio = speak(browser) / count
    assert 0.4 < ratio < 0.6, f"{ratio} times as long at twice the speed"
    browser.run("const s = document.getElementById('speed'); s.value = 1; s.dispatchEvent(new Event('input'))")


def check(browser, address, recording, screenshot, directory):
    browser.call("/url", {"url": address})
    browser.wait("the voices", "document.querySelectorAll('#voice option').length > 1")
    # By keyboard: the text, then Tab to the button.
    browser.run("document.getElementById('text').focus()")
    browser.press("Да. Поезд отправляется через пять минут.")
    for _ in range(10):
        browser.press([TAB])
        if browser.run("return document.activeElement.id") == "speak":
            break
    browser.press([ENTER])
    browser.wait("the speech", "!document.getElementById('download').hidden")
    status = browser.run("return document.getElementById('status').textContent")
    assert "s of speech" in status, status
    drawn = "[...document.getElementById('wave').getContext('2d').getImageData(0, 0, 1200, 160).data].filter(Boolean).length"
    assert browser.run(f"return {drawn}") > 1000, "no waveform"
    size = browser.run("return Number(document.getElementById('download').textContent.match(/[0-9]+/)?.[0])")
    assert size > 10, f"{size} kB to download"
    if screenshot:
        with open(screenshot, "wb") as file:
            file.write(base64.b64decode(browser.call("/screenshot")))
    hear_and_download(browser, directory)
    add_voices(browser, recording)
    # A long text, stopped in the middle.
    browser.run("document.getElementById('text').value = 'Поезд отправляется через пять минут. '.repeat(100)")
    browser.click("#speak")
    browser.wait("the first sound", "length() > 0")
    browser.click("#stop")
    browser.wait("the end", "document.getElementById('status').textContent === 'Stopped.'")
    # An announcement waits behind another, and is taken back.
    browser.wait("the queue", "!document.getElementById('queue').hidden")
    for _ in range(2):
        browser.click("#announce")
    browser.wait("two announcements", "document.querySelectorAll('#announcements li').length === 2")
    # The focus stays on a button while the list changes: keyboards and screen readers lose their place otherwise.
    browser.run("document.querySelector('#announcements li:last-child button').focus()")
    browser.run("document.getElementById('announce').click()")
    browser.wait("three announcements", "document.querySelectorAll('#announcements li').length === 3")
    assert browser.run("return document.activeElement.parentNode === document.querySelectorAll('#announcements li')[1]")
    browser.click("#announcements li:last-child button")
    browser.wait("two again", "document.querySelectorAll('#announcements li').length === 2")
    browser.click("#announcements li:last-child button")
    browser.wait("one announcement", "document.querySelectorAll('#announcements li').length === 1")
    browser.click("#announcements li:last-child button")
    browser.wait("none", "!document.getElementById('nothing').hidden")
    # Every control has a name for screen readers, in both languages.
    names = "return [...document.querySelectorAll('button, input, select, textarea')].filter((node) => node.offsetParent " \
            "&& !(node.labels?.[0]?.textContent || node.textContent || node.ariaLabel)).map((node) => node.id)"
    assert browser.run(names) == [], browser.run(names)
    browser.run("const t = document.getElementById('tongue'); t.value = 'ru'; t.dispatchEvent(new Event('change'))")
    assert browser.run("return document.getElementById('speak').textContent") == "Произнести"
    assert browser.run("return document.documentElement.lang") == "ru"
    browser.run("document.getElementById('text').value = '!?'")
    browser.click("#speak")
    browser.wait("the error", "document.getElementById('status').classList.contains('error')")
    # Nothing from outside, and no error but those that were asked for.
    outside = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    others = [name for name in browser.run(outside) if not name.startswith((address, "blob:", "data:"))]
    assert not others, others


browser = Browser(sys.argv[2])
try:
    with tempfile.TemporaryDirectory() as directory:
        check(browser, sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None, directory)
finally:
    browser.end()
print("page: keyboard, speech, waveform, sound, download, speed, voices by file and microphone, stop, queue, cancel, names, Russian, error")
