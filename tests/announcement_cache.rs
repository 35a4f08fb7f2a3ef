//! Announcements that were spoken before: heard at once, and the same to the sample.
#![allow(missing_docs)]

use test_support::launch;
use test_support::model_dir;
use test_support::playing;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use cosyvoice3::voice::{self, Voice};
use gst::{glib, prelude::*};
use model_dir::ModelDir;
use playing::{Player, samples};

const PATIENCE: Duration = Duration::from_secs(300);
const TEXT: &str = "Да. Нет.";

/// An element that stays open for texts of the signal `say`.
struct Rig {
    player: Player,
    /// Buffers with the announcement that each belongs to.
    heard: Arc<Mutex<Vec<(u64, gst::Buffer)>>>,
    ended: mpsc::Receiver<gst::Structure>,
    model: ModelDir,
}

/// An announcement from its first sample to the message of its end.
struct Heard {
    buffers: Vec<gst::Buffer>,
    end: gst::Structure,
}

impl Heard {
    fn samples(&self) -> Vec<f32> {
        self.buffers.iter().flat_map(samples).collect()
    }

    /// Utterances that were kept.
    fn hits(&self) -> u64 {
        self.end.get("announcement-hits").unwrap()
    }

    fn is_made_anew(&self) -> bool {
        self.hits() == 0 && self.end.get::<f64>("decode").unwrap() > 0.0
    }

    /// Seconds that each stage worked.
    fn work(&self) -> [f64; 4] {
        ["prefill", "decode", "flow", "vocoder"].map(|stage| self.end.get(stage).unwrap())
    }
}

impl Rig {
    fn new(settings: &[(&str, &str)]) -> Self {
        let model = ModelDir::of_tiny();
        let golden = Voice::load(&voice::path(model.path(), "golden")).unwrap();
        let bob = Voice {
            name: "bob".into(),
            embedding: golden.embedding.iter().rev().copied().collect(),
            ..golden
        };
        bob.save(&voice::path(model.path(), "bob")).unwrap();
        Self::of(model, settings)
    }

    fn of(model: ModelDir, settings: &[(&str, &str)]) -> Self {
        let settings = [
            &[("announcement-cache", "memory"), ("threads", "1")],
            settings,
        ]
        .concat();
        let player = Player::new(model.path(), None, &settings);
        // With a source of text that says nothing the stream does not end.
        let source = gst::ElementFactory::make("appsrc").build().unwrap();
        player.pipeline.add(&source).unwrap();
        source.link(&player.element).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let buffers = heard.clone();
        player
            .pad()
            .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data
                    && let Some(id) = id_of(buffer)
                {
                    buffers.lock().unwrap().push((id, buffer.clone()));
                }
                gst::PadProbeReturn::Ok
            });
        let (sender, ended) = mpsc::channel();
        let bus = player.pipeline.bus().unwrap();
        bus.set_sync_handler(move |_, message| {
            if let Some(structure) = message.structure()
                && ["finished", "cancelled", "failed"]
                    .iter()
                    .any(|end| structure.name() == format!("cosyvoice3/utterance-{end}").as_str())
            {
                let _ = sender.send(structure.to_owned());
            }
            gst::BusSyncReply::Pass
        });
        player.start().unwrap();
        Self {
            player,
            heard,
            ended,
            model,
        }
    }

    fn set(&self, name: &str, value: &str) {
        self.player.element.set_property_from_str(name, value);
    }

    fn queue(&self, text: &str) -> u64 {
        let id = self.player.element.emit_by_name::<u64>("say", &[&text]);
        assert!(id > 0, "{text} is accepted");
        id
    }

    /// Says `text` and waits for its end.
    fn say(&self, text: &str) -> Heard {
        let id = self.queue(text);
        self.end_of(id)
    }

    fn end_of(&self, id: u64) -> Heard {
        let end = self.ended.recv_timeout(PATIENCE).expect("it ends");
        assert_eq!(end.get::<u64>("id"), Ok(id));
        let heard = self.heard.lock().unwrap();
        let own = heard.iter().filter(|(of, _)| *of == id);
        Heard {
            buffers: own.map(|(_, buffer)| buffer.clone()).collect(),
            end,
        }
    }
}

fn id_of(buffer: &gst::BufferRef) -> Option<u64> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstCosyVoice3UtteranceMeta").ok()?;
    meta.structure().get("id").ok()
}

/// The words that begin in `buffer`, with their samples.
fn words(buffer: &gst::Buffer) -> String {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstCosyVoice3WordsMeta");
    meta.map_or_else(|_| String::new(), |meta| meta.structure().to_string())
}

#[test]
fn a_repeated_announcement_is_the_same_to_the_sample_and_no_stage_works_for_it() {
    let rig = Rig::new(&[]);
    let first = rig.say(TEXT);
    assert!(first.is_made_anew(), "{:?}", first.end);
    let again = rig.say(TEXT);
    assert_eq!(again.hits(), 2, "{:?}", again.end);
    assert_eq!(again.work(), [0.0; 4]);
    assert!(again.samples() == first.samples());
    let all_words = |heard: &Heard| heard.buffers.iter().map(words).collect::<Vec<_>>();
    assert_eq!(all_words(&again), all_words(&first));
    assert_eq!(
        again.end.get::<u64>("tokens"),
        first.end.get::<u64>("tokens")
    );
    // Downstream sees no difference, and `stats` counts it.
    let stats: gst::Structure = rig.player.element.property("stats");
    assert_eq!(stats.get::<u64>("announcement-hits"), Ok(2));
    assert_eq!(stats.get::<u64>("utterances"), Ok(4));
    assert_eq!(
        stats.get::<&str>("flow-backend"),
        first.end.get::<&str>("flow-backend")
    );
}

#[test]
fn memory_is_the_default_and_off_keeps_nothing() {
    playing::init();
    let element = gst::ElementFactory::make("cosyvoice3src").build().unwrap();
    let value = element.property_value("announcement-cache");
    let (_, value) = glib::EnumValue::from_value(&value).unwrap();
    assert_eq!(value.nick(), "memory");
    let rig = Rig::new(&[("announcement-cache", "off")]);
    let first = rig.say(TEXT);
    let again = rig.say(TEXT);
    assert!(again.is_made_anew(), "{:?}", again.end);
    assert!(again.samples() == first.samples());
}

#[test]
fn whatever_changes_the_sound_is_another_entry_and_the_first_one_stays() {
    let rig = Rig::new(&[]);
    let lexicon = rig.model.file("words.txt");
    fs::write(&lexicon, "Ну = Ну и ну\n").unwrap();
    let usual = rig.say(TEXT);
    assert!(usual.is_made_anew());
    for (name, value, default) in [
        ("voice", "bob", ""),
        ("seed", "8", "0"),
        ("speed", "1.5", "1.0"),
        ("temperature", "0.5", "1.0"),
        ("top-k", "3", "0"),
        ("flow-steps", "1", "2"),
        ("flow-schedule", "linear", "manifest"),
        ("level", "none", "normalize"),
        ("prompt-mode", "cross-lingual", "auto"),
        ("instruct", "Speak fast.", ""),
        ("language", "en", "auto"),
        ("buffer-duration", "100000000", "0"),
        ("lexicon", lexicon.to_str().unwrap(), ""),
    ] {
        rig.set(name, value);
        let other = rig.say(TEXT);
        // The size of buffers is no property of the sound.
        assert_eq!(
            other.is_made_anew(),
            name != "buffer-duration",
            "{name}: {:?}",
            other.end
        );
        assert!(rig.say(TEXT).hits() > 0, "{name}={value} again");
        rig.set(name, default);
        let back = rig.say(TEXT);
        assert_eq!(back.hits(), 2, "{name}={default} again");
        assert!(back.samples() == usual.samples(), "{name}={default}");
    }
    // A file that changes under its name is another voice, and a lexicon another reading.
    rig.set("lexicon", lexicon.to_str().unwrap());
    rig.say("Ну.");
    assert!(rig.say("Ну.").hits() > 0);
    fs::write(&lexicon, "Ну = Да\n").unwrap();
    assert!(rig.say("Ну.").is_made_anew());
    let bob = Voice::load(&voice::path(rig.model.path(), "bob")).unwrap();
    bob.save(&voice::path(rig.model.path(), "golden")).unwrap();
    assert!(rig.say(TEXT).is_made_anew());
}

#[test]
fn a_seed_that_is_drawn_is_new_each_time() {
    let rig = Rig::new(&[("seed", "-1")]);
    let first = rig.say(TEXT);
    let again = rig.say(TEXT);
    assert!(first.is_made_anew() && again.is_made_anew());
    assert!(first.samples() != again.samples());
}

#[test]
fn pieces_are_kept_as_they_left() {
    let rig = Rig::new(&[("flush", "chunk")]);
    let text = "Скорый поезд отправляется с пятого пути, просьба отойти от края платформы.";
    let first = rig.say(text);
    let again = rig.say(text);
    assert!(
        first.end.get::<u64>("pieces").unwrap() > 1,
        "{:?}",
        first.end
    );
    assert_eq!(again.hits(), 1, "{:?}", again.end);
    assert_eq!(again.work(), [0.0; 4]);
    let sizes = |heard: &Heard| heard.buffers.iter().map(|b| b.size()).collect::<Vec<_>>();
    assert_eq!(sizes(&again), sizes(&first));
    assert!(again.samples() == first.samples());
    assert_eq!(
        again.end.get::<u64>("tokens"),
        first.end.get::<u64>("tokens")
    );
}

#[test]
fn a_kept_announcement_is_cancelled_in_the_middle_and_complete_the_next_time() {
    let rig = Rig::new(&[("buffer-duration", "20000000")]);
    let first = rig.say(TEXT);
    let element = rig.player.element.downgrade();
    let counted = Mutex::new(0);
    let cancelling = rig
        .player
        .pad()
        .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(gst::PadProbeData::Buffer(buffer)) = &info.data
                && let Some(id) = id_of(buffer)
            {
                let mut counted = counted.lock().unwrap();
                *counted += 1;
                if *counted == 3 {
                    let element = element.upgrade().expect("it plays");
                    assert!(element.emit_by_name::<bool>("cancel", &[&id]));
                }
            }
            gst::PadProbeReturn::Ok
        });
    let cut = rig.say(TEXT);
    assert_eq!(cut.end.name(), "cosyvoice3/utterance-cancelled");
    assert!(cut.samples().len() < first.samples().len() / 2);
    rig.player.pad().remove_probe(cancelling.unwrap());
    let again = rig.say(TEXT);
    assert_eq!(again.hits(), 2, "{:?}", again.end);
    assert!(again.samples() == first.samples());
}

#[test]
fn what_was_cancelled_while_it_was_made_is_not_kept() {
    let rig = Rig::new(&[]);
    let whole = {
        let other = Rig::new(&[]);
        other.say(TEXT).samples()
    };
    let id = rig.queue(TEXT);
    assert!(rig.player.element.emit_by_name::<bool>("cancel", &[&id]));
    assert_eq!(rig.end_of(id).end.name(), "cosyvoice3/utterance-cancelled");
    let next = rig.say(TEXT);
    assert!(next.is_made_anew(), "{:?}", next.end);
    assert!(next.samples() == whole);
}

/// A cache directory, and a model that programs of their own speak with.
struct Disk {
    cache: tempfile::TempDir,
    model: ModelDir,
}

impl Disk {
    fn new() -> Self {
        Self {
            cache: tempfile::tempdir().unwrap(),
            model: ModelDir::of_tiny(),
        }
    }

    fn dir(&self) -> PathBuf {
        self.cache.path().join("cosyvoice3/announcements")
    }

    /// The kept announcements.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir()).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Says a text in a process of its own, with `before` in front of its command; the utterances that had been kept, and
    /// the samples.
    fn say(&self, before: &str) -> (u64, Vec<u8>) {
        let out = self.cache.path().join("speech.raw");
        let _ = fs::remove_file(&out);
        // A pipe has no size that could be limited.
        let words = format!(
            "({before} exec gst-launch-1.0 -m cosyvoice3src text=Да. model-path={} threads=1 flow-steps=2 announcement-cache=disk \
             prefix-cache=memory ! fdsink fd=3) 3>&1 >&2 | cat > {}",
            self.model.path().display(),
            out.display()
        );
        let mut shell = launch::command("bash");
        shell
            .args(["-o", "pipefail", "-c", &words])
            .env("XDG_CACHE_HOME", self.cache.path());
        let (output, words) = launch::run(&mut shell);
        assert!(output.status.success(), "{words}");
        assert!(!words.contains("ERROR"), "{words}");
        let end = words
            .lines()
            .find(|line| line.contains("cosyvoice3/utterance-finished"))
            .unwrap_or_else(|| panic!("no end in {words}"));
        let (_, hits) = end
            .split_once("announcement-hits=(guint64)")
            .expect("a count");
        let digits: String = hits.chars().take_while(char::is_ascii_digit).collect();
        (digits.parse().unwrap(), fs::read(out).unwrap())
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn on_disk_announcements_outlive_the_program_and_nobody_else_reads_them() {
    let disk = Disk::new();
    let (hits, first) = disk.say("");
    assert_eq!(hits, 0);
    let files = disk.files();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!((mode(&disk.dir()), mode(&files[0])), (0o700, 0o600));
    assert_eq!(disk.say(""), (1, first.clone()));

    let whole = fs::read(&files[0]).unwrap();
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for damaged in [&whole[..whole.len() - 7], &changed, &[]] {
        fs::write(&files[0], damaged).unwrap();
        assert_eq!(disk.say(""), (0, first.clone()), "{} bytes", damaged.len());
        assert!(fs::read(&files[0]).unwrap() == whole, "it is replaced");
    }
    disk.model
        .edit_manifest(|manifest| manifest.lm.sampling.top_k = 7);
    assert_eq!(disk.say("").0, 0, "another model");
}

#[test]
fn a_full_disk_and_a_directory_of_somebody_else_cost_only_the_entry() {
    let disk = Disk::new();
    // Files cannot grow beyond 4 KiB; the signal is ignored, so that writing fails as on a full disk.
    let (hits, first) = disk.say("trap '' XFSZ; ulimit -f 4;");
    assert_eq!(hits, 0);
    assert_eq!(disk.files(), [""; 0].map(PathBuf::from));
    assert_eq!(disk.say(""), (0, first.clone()));
    assert_eq!(disk.say(""), (1, first.clone()));

    let elsewhere = disk.cache.path().join("elsewhere");
    fs::rename(disk.dir(), &elsewhere).unwrap();
    symlink(&elsewhere, disk.dir()).unwrap();
    assert_eq!(disk.say(""), (0, first), "a link is not followed");
}
