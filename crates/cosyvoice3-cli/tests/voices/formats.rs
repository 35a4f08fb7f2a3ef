//! Voices of other programs: each format gives the arrays that its own program reads, and goes back without loss.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use cosyvoice3::{constants::MEL_BINS, mel::Mel, voice::Voice};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{
    User, names,
    prompts::{Prompt, WORDS, everywhere, unicode},
    root, text,
};

/// The values of a mel, frame after frame.
fn by_frame(mel: &Mel) -> Vec<f32> {
    let frames = 0..mel.frames();
    frames
        .flat_map(|t| (0..MEL_BINS).map(move |bin| mel.row(bin)[t]))
        .collect()
}

#[test]
fn a_voice_of_each_format_has_the_ids_and_arrays_that_were_written() {
    let user = User::new();
    let wanted = Prompt::new();
    for (i, (format, path)) in everywhere(user.dir.path()).iter().enumerate() {
        let name = format!("voice{i}");
        user.succeeds(&["import", &name, text(path), "--provenance", "a test"]);
        let voice = user.voice(&name);
        assert_eq!(voice.prompt_text_ids, wanted.ids, "{format}");
        assert_eq!(voice.prompt_tokens, wanted.tokens, "{format}");
        assert_eq!(by_frame(&voice.prompt_mel), wanted.mel, "{format}");
        assert_eq!(voice.embedding, wanted.embedding, "{format}");
        assert_eq!(voice.prompt_text.as_deref(), Some(WORDS), "{format}");
        assert_eq!(voice.provenance.as_deref(), Some("a test"), "{format}");
        let shown = user.succeeds(&["show", &name]);
        for part in [WORDS, "3.04 s", "ru (by its words)", "your own", "a test"] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
    }
}

/// The file of PyTorch's own, in tests/fixtures/voices.
fn of_torch(name: &str) -> PathBuf {
    root().join("tests/fixtures/voices").join(name)
}

#[test]
fn speakers_of_a_file_that_pytorch_saved_are_read_by_name() {
    let user = User::new();
    let file = of_torch("spk2info.pt");
    let error = user.fails(&["import", "me", text(&file)]);
    for part in ["spk2info.pt", "anna, Борис", "--speaker"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    let error = user.fails(&["import", "me", text(&file), "--speaker", "vera"]);
    assert!(error.contains("\"vera\""), "{error}");
    for (speaker, first, tokens) in [("anna", 1, 5), ("Борис", 2, 7)] {
        user.succeeds(&["import", speaker, text(&file), "--speaker", speaker]);
        let voice = user.voice(speaker);
        assert_eq!(voice.prompt_text_ids, [5, 63, first]);
        let wanted: Vec<u32> = (first..first + tokens).map(|i| i * 7 % 6561).collect();
        assert_eq!(voice.prompt_tokens, wanted);
        let wanted = (0..2 * tokens * 80).map(|i| i as f32 / 64.0 - first as f32);
        assert_eq!(by_frame(&voice.prompt_mel), wanted.collect::<Vec<f32>>());
        let wanted = (0..192).map(|i| (i as f32) - first as f32);
        assert_eq!(voice.embedding, wanted.collect::<Vec<f32>>());
    }
    let error = user.fails(&["import", "me", text(&of_torch("spk2info_built_in.pt"))]);
    for part in ["spk2info_built_in.pt", "中文女", "embedding alone"] {
        assert!(error.contains(part), "{part} in {error}");
    }
}

#[test]
fn a_voice_that_goes_out_and_comes_back_is_the_same() {
    let user = User::new();
    let (folder, file) = (user.path("out"), user.path("out.pt"));
    for tail in [vec![], vec![7, 4000]] {
        let golden = Voice::load(&user.shared().join("golden.safetensors")).unwrap();
        let voice = Voice {
            name: "anna".into(),
            tail_tokens: tail,
            provenance: None,
            ..golden
        };
        fs::create_dir_all(user.own()).unwrap();
        voice.save(&user.file("anna")).unwrap();
        for (path, format) in [(&folder, "prompt-files"), (&file, "spk2info")] {
            user.succeeds(&["export", "anna", text(path), "--format", format]);
            let language = voice.language.as_deref().unwrap();
            let words = voice.prompt_text.as_deref().unwrap();
            let back = ["import", "back", text(path), "--language", language];
            user.succeeds(&[&back[..], &["--text", words, "--replace"]].concat());
            let back = Voice {
                name: "anna".into(),
                ..user.voice("back")
            };
            assert_eq!(back, voice, "{format}");
            // A file that exists is never overwritten.
            let error = user.fails(&["export", "anna", text(path), "--format", format]);
            assert!(error.contains("is there already"), "{error}");
        }
        fs::remove_dir_all(&folder).unwrap();
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn our_own_voice_files_are_taken_over_as_they_are() {
    let user = User::new();
    let golden = user.shared().join("golden.safetensors");
    user.succeeds(&["import", "copy", text(&golden)]);
    assert_eq!(
        fs::read(user.file("copy")).unwrap(),
        fs::read(golden).unwrap()
    );
}

#[test]
fn a_prompt_without_words_makes_a_voice_without_a_transcript() {
    let user = User::new();
    let (npz, gguf) = (user.path("x.npz"), user.path("x.gguf"));
    Prompt::new().npz(&npz, "");
    Prompt::new().gguf(&gguf, "");
    for path in [npz, gguf] {
        user.succeeds(&["import", "me", text(&path), "--replace"]);
        let voice = user.voice("me");
        assert_eq!((voice.prompt_text_ids.len(), voice.prompt_text), (0, None));
        assert!(user.succeeds(&["show", "me"]).contains("no transcript"));
    }
}

#[test]
fn the_mel_may_be_a_token_shorter_than_the_speech_and_the_language_model_still_gets_all() {
    let user = User::new();
    let mut prompt = Prompt::new();
    prompt.mel.truncate(prompt.mel.len() - 80);
    let path = user.path("x.npz");
    prompt.npz(&path, WORDS);
    user.succeeds(&["import", "me", text(&path)]);
    let voice = user.voice("me");
    assert_eq!(voice.prompt_tokens, prompt.tokens[..75]);
    assert_eq!(voice.tail_tokens, prompt.tokens[75..]);
    prompt.mel.truncate(prompt.mel.len() - 10 * 80);
    prompt.npz(&path, WORDS);
    let error = user.fails(&["import", "me", text(&path), "--replace"]);
    assert!(
        error.contains("x.npz") && error.contains("different recordings"),
        "{error}"
    );
    assert_eq!(user.voice("me"), voice);
}

/// Asserts that importing `path` fails with a message that names `culprit`, and leaves nothing.
#[track_caller]
fn refuses(user: &User, path: &Path, culprit: &str) -> String {
    let error = user.fails(&["import", "bad", text(path)]);
    assert!(error.contains(culprit), "{culprit} in {error}");
    assert_eq!(names(&user.own()), [""; 0], "{error}");
    error
}

#[test]
fn every_damaged_file_is_one_error_that_names_it_and_leaves_nothing() {
    let user = User::new();
    let mut files = Vec::new();
    for (_, path) in everywhere(user.dir.path()) {
        match path.is_dir() {
            true => files.extend(
                names(&path)
                    .into_iter()
                    .map(|name| (path.clone(), path.join(name))),
            ),
            false => files.push((path.clone(), path)),
        }
    }
    let copy = user.path("spk2info.pt");
    fs::copy(of_torch("spk2info.pt"), &copy).unwrap();
    files.push((copy.clone(), copy));
    for (given, file) in files {
        let whole = fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        // A prompt may have no text, and of the language model's embedding nothing is used.
        if name != "prompt_text.txt" {
            fs::write(&file, "").unwrap();
            refuses(&user, &given, name);
            if name != "llm_embedding.txt" {
                fs::write(&file, &whole[..whole.len() / 2]).unwrap();
                refuses(&user, &given, text(&given));
            }
        }
        if given != file {
            fs::remove_file(&file).unwrap();
            refuses(&user, &given, name);
        }
        fs::write(&file, whole).unwrap();
    }
}

#[test]
fn a_changed_sound_is_noticed_where_the_format_has_a_checksum() {
    let user = User::new();
    let path = user.path("prompt_speech.gguf");
    Prompt::new().gguf(&path, WORDS);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = refuses(&user, &path, "prompt_speech.gguf");
    assert!(error.contains("checksum"), "{error}");
}

#[test]
fn numbers_that_are_no_voice_are_refused() {
    let user = User::new();
    let path = user.path("x.npz");
    type Change = fn(&mut Prompt);
    let cases: [(Change, &str); 4] = [
        (|prompt| prompt.tokens[3] = 6561, "6561 is out of range"),
        (|prompt| prompt.mel[3] = f32::NAN, "not finite"),
        (|prompt| prompt.embedding.truncate(80), "80 values"),
        (|prompt| prompt.tokens.clear(), "different recordings"),
    ];
    for (change, expected) in cases {
        let mut prompt = Prompt::new();
        change(&mut prompt);
        prompt.npz(&path, WORDS);
        let error = refuses(&user, &path, "x.npz");
        assert!(error.contains(expected), "{error}");
    }
    let mut prompt = Prompt::new();
    prompt.ids = vec![5, 896];
    prompt.prompt_files(&user.path("foreign"));
    let error = refuses(&user, &user.path("foreign"), "896");
    assert!(error.contains("another model"), "{error}");
}

#[test]
fn strangers_files_are_not_waited_for_nor_unpacked_without_end() {
    let user = User::new();
    let fifo = user.path("fifo");
    let made = user.command("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    refuses(&user, &fifo, "a FIFO");
    refuses(&user, Path::new("/dev/zero"), "a device");
    refuses(&user, &user.path("missing"), "missing");
    fs::create_dir(user.path("empty")).unwrap();
    refuses(&user, &user.path("empty"), "no voice in this folder");
    let note = user.path("note.txt");
    fs::write(&note, "A recording of my grandmother, somewhere.").unwrap();
    refuses(&user, &note, "not a known kind of voice");

    // A hundred megabytes of zeros in a hundred kilobytes.
    let bomb = user.path("bomb.npz");
    let mut zip = ZipWriter::new(fs::File::create(&bomb).unwrap());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    zip.start_file("prompt_text.npy", options).unwrap();
    zip.write_all(&unicode(WORDS)).unwrap();
    zip.start_file("speech_token.npy", options).unwrap();
    for _ in 0..100 {
        zip.write_all(&vec![0; 1 << 20]).unwrap();
    }
    zip.finish().unwrap();
    assert!(fs::metadata(&bomb).unwrap().len() < 1 << 20);
    let error = refuses(&user, &bomb, "speech_token");
    assert!(error.contains("no voice needs"), "{error}");
}
