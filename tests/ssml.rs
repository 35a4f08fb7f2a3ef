//! Texts with markup, and settings of their reading, from the engine's front door.
#![allow(missing_docs)]

use test_support::models as support;

use cosyvoice3::{
    Error, ErrorKind, Event, Level, Markup, Options, Request, Speech, Synthesizer, Verify,
};

fn synthesizer() -> Synthesizer {
    let mut options = Options::new(support::tiny());
    options.threads = 1;
    options.verify = Verify::Never;
    Synthesizer::load(options).unwrap()
}

/// Random weights speak long: so many tokens each, few steps, and no level that knows of other utterances.
fn request(text: &str, markup: Markup) -> Request {
    let mut request = Request::new(text);
    request.settings.markup = markup;
    request.settings.forced_tokens = Some(10);
    request.settings.flow_steps = 1;
    request.settings.level = Level::Limit;
    request
}

fn ssml(text: &str) -> Request {
    request(text, Markup::Ssml)
}

/// All speech and warnings of `request`.
fn speak(synth: &Synthesizer, request: Request) -> (Vec<Speech>, Vec<Error>) {
    let id = synth.say(request);
    let (mut speech, mut trouble) = (Vec::new(), Vec::new());
    while let Some(event) = synth.next_event() {
        match event {
            Event::Speech(spoken) => speech.push(spoken),
            Event::Warning { kind, message, .. } => trouble.push(Error::new(kind, message)),
            Event::UtteranceFailed { error, .. } => trouble.push(error),
            Event::Finished { request, .. } if request == id => break,
            _ => {}
        }
    }
    (speech, trouble)
}

fn samples(synth: &Synthesizer, text: &str) -> Vec<f32> {
    let (speech, trouble) = speak(synth, request(text, Markup::None));
    assert!(trouble.is_empty(), "{trouble:?}");
    speech
        .into_iter()
        .flat_map(|speech| speech.samples)
        .collect()
}

#[test]
fn a_break_is_silence_of_exactly_its_length_and_marks_are_at_their_samples() {
    let synth = synthesizer();
    let (yes, no) = (samples(&synth, "Да."), samples(&synth, "Нет."));
    let (speech, trouble) = speak(
        &synth,
        ssml(
            "<speak><mark name='start'/>Да.<break time='300ms'/><mark name='middle'/>Нет.\
             <break time='1s'/><mark name='end'/></speak>",
        ),
    );
    assert!(trouble.is_empty(), "{trouble:?}");
    let all: Vec<f32> = speech.iter().flat_map(|s| s.samples.clone()).collect();
    let wanted = [&yes[..], &[0.0; 7_200], &no[..], &[0.0; 24_000]].concat();
    assert_eq!(all.len(), wanted.len());
    assert!(all == wanted);
    let mut at = 0;
    let mut marks = Vec::new();
    for speech in &speech {
        marks.extend(
            speech
                .marks
                .iter()
                .map(|m| (m.name.to_string(), at + m.sample)),
        );
        at += speech.samples.len();
    }
    assert_eq!(
        marks,
        [
            ("start".to_owned(), 0),
            ("middle".to_owned(), yes.len() + 7_200),
            ("end".to_owned(), wanted.len()),
        ]
    );
}

#[test]
fn a_rate_is_heard_for_its_part_alone() {
    let synth = synthesizer();
    let (speech, _) = speak(
        &synth,
        ssml("<speak>Да.<prosody rate='200%'>Нет.</prosody> Ещё.</speak>"),
    );
    let lengths: Vec<_> = speech.iter().map(|s| s.samples.len()).collect();
    assert_eq!(lengths.len(), 3);
    assert_eq!(lengths[0], lengths[2]);
    assert_eq!(lengths[0], 2 * lengths[1]);
}

#[test]
fn a_voice_of_a_document_speaks_its_part_and_nothing_else() {
    let demo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let mut options = Options::new(demo);
    options.threads = 1;
    options.verify = Verify::Never;
    let synth = Synthesizer::load(options).unwrap();
    let plain = |text: &str, voice: &str| {
        let mut asked = request(text, Markup::None);
        asked.settings.voice = Some(voice.into());
        let (speech, trouble) = speak(&synth, asked);
        assert!(trouble.is_empty(), "{trouble:?}");
        speech.into_iter().next().unwrap().samples
    };
    let mut asked = ssml("<speak>Yes. <voice name='en_male'>No.</voice> Yes.</speak>");
    asked.settings.voice = Some("en_female".into());
    let (speech, trouble) = speak(&synth, asked);
    assert!(trouble.is_empty(), "{trouble:?}");
    let heard: Vec<_> = speech.into_iter().map(|speech| speech.samples).collect();
    let wanted = [plain("Yes.", "en_female"), plain("No.", "en_male")];
    assert!(heard == [wanted[0].clone(), wanted[1].clone(), wanted[0].clone()]);
    assert!(plain("No.", "en_female") != wanted[1]);
}

#[test]
fn an_unknown_voice_in_a_document_is_named_before_anything_is_spoken() {
    let synth = synthesizer();
    let (speech, trouble) = speak(
        &synth,
        ssml("<speak>Да. <voice name='nobody'>Нет.</voice></speak>"),
    );
    assert!(speech.is_empty());
    let [error] = &trouble[..] else {
        panic!("{trouble:?}")
    };
    assert!(error.to_string().contains("no voice \"nobody\""), "{error}");
    assert!(error.to_string().contains("golden"), "{error}");
}

#[test]
fn a_damaged_document_is_one_error_with_its_place_and_the_next_text_is_spoken() {
    let synth = synthesizer();
    let (speech, trouble) = speak(&synth, ssml("<speak>Да. <break time='1s'>"));
    assert!(speech.is_empty());
    let [error] = &trouble[..] else {
        panic!("{trouble:?}")
    };
    assert_eq!(error.kind(), ErrorKind::Markup);
    assert!(error.to_string().starts_with("SSML, line 1"), "{error}");
    assert!(!samples(&synth, "Да.").is_empty());
}

#[test]
fn what_is_not_supported_is_named_once_and_its_text_is_spoken() {
    let synth = synthesizer();
    let (speech, trouble) = speak(
        &synth,
        ssml("<speak><audio src='x'>Да.</audio> <prosody pitch='high'>Нет.</prosody></speak>"),
    );
    let text: Vec<_> = speech.iter().map(|s| &s.text[..]).collect();
    assert_eq!(text, ["Да.", "Нет."]);
    let [warning] = &trouble[..] else {
        panic!("{trouble:?}")
    };
    assert!(warning.to_string().contains("audio"), "{warning}");
    assert!(warning.to_string().contains("prosody pitch"), "{warning}");
}

#[test]
fn a_document_of_silence_alone_says_so() {
    let synth = synthesizer();
    let (speech, trouble) = speak(&synth, ssml("<speak><break time='1s'/></speak>"));
    assert!(speech.is_empty());
    assert_eq!(trouble.len(), 1, "{trouble:?}");
    assert!(trouble[0].to_string().contains("nothing to say"));
}

#[test]
fn words_of_a_lexicon_are_said_as_it_says() {
    let synth = synthesizer();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("words.txt");
    std::fs::write(&file, "Nginx = энджин икс\n").unwrap();
    let mut asked = request("З+амок на Nginx.", Markup::None);
    asked.settings.lexicon = Some(file.clone());
    asked.settings.stress_mark = true;
    let (speech, trouble) = speak(&synth, asked.clone());
    assert!(trouble.is_empty(), "{trouble:?}");
    assert_eq!(speech[0].text, "За́мок на энджин икс.");
    std::fs::remove_file(&file).unwrap();
    let (speech, trouble) = speak(&synth, asked);
    assert!(speech.is_empty());
    assert!(
        trouble[0].to_string().contains("words.txt does not exist"),
        "{trouble:?}"
    );
}
