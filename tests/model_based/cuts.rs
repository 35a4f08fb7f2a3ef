//! Text from upstream, cut into buffers anywhere.

use std::sync::{Arc, Mutex};

use gst::prelude::*;
use gst_check::Harness;
use proptest::prelude::*;

use crate::{
    playing, random_config,
    script::{Script, speech_of},
};

/// Outcome of a text from upstream.
#[derive(Debug, PartialEq)]
struct Spoken {
    texts: Vec<String>,
    warnings: usize,
    samples: Vec<f32>,
}

fn speak(blocks: &[&[u8]]) -> Spoken {
    playing::init();
    let element = gst::ElementFactory::make("cosyvoice3src").build().unwrap();
    Script::default().give_to(&element);
    let bus = gst::Bus::new();
    let posted = Arc::new(Mutex::new((Vec::new(), 0)));
    let heard = posted.clone();
    bus.set_sync_handler(move |_, message| {
        let mut posted = posted.lock().unwrap();
        match message.view() {
            gst::MessageView::Element(m) => {
                let structure = m.structure().unwrap();
                if structure.name() == "cosyvoice3/utterance-queued" {
                    posted.0.push(structure.get::<String>("text").unwrap());
                }
            }
            gst::MessageView::Warning(_) => posted.1 += 1,
            _ => {}
        }
        gst::BusSyncReply::Drop
    });
    element.set_bus(Some(&bus));
    let mut harness = Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_live(false);
    harness.play();
    harness.push_event(gst::event::StreamStart::new("text"));
    harness.push_event(gst::event::Segment::new(&gst::FormattedSegment::<
        gst::format::Bytes,
    >::new()));
    for block in blocks {
        harness
            .push(gst::Buffer::from_slice(block.to_vec()))
            .unwrap();
    }
    harness.push_event(gst::event::Eos::new());
    while harness.pull_event().unwrap().type_() != gst::EventType::Eos {}
    let mut samples = Vec::new();
    while let Some(buffer) = harness.try_pull() {
        samples.extend(playing::samples(&buffer));
    }
    drop(harness);
    let _ = element.set_state(gst::State::Null);
    let (texts, warnings) = std::mem::take(&mut *heard.lock().unwrap());
    Spoken {
        texts,
        warnings,
        samples,
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[а-яА-Я]{1,6}",
        "[a-zA-Z0-9]{1,6}",
        "[ \\n\\r.!?…,—]{1,3}",
        "(你好。|т\\. д\\. |3,5|№ ?7|\\u{feff})",
    ]
    .prop_map(String::into_bytes);
    let piece = prop_oneof![
        12 => piece,
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    let pieces = prop::collection::vec(piece, 0..30).prop_map(|pieces| pieces.concat());
    (any::<bool>(), pieces).prop_map(|(mark, mut bytes)| {
        if mark {
            bytes.splice(0..0, *b"\xef\xbb\xbf");
        }
        bytes
    })
}

#[test]
fn however_bytes_are_cut_into_buffers_the_same_is_spoken() {
    let cuts = prop::collection::vec(1..12_usize, 1..20);
    let mut runner = random_config(150, 3_000).0;
    runner
        .run(&(bytes(), cuts), |(bytes, cuts)| {
            let whole = speak(&[&bytes]);
            let mut blocks = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (block, tail) = rest.split_at(cut.min(rest.len()));
                blocks.push(block);
                rest = tail;
            }
            blocks.push(rest);
            prop_assert_eq!(&speak(&blocks), &whole);
            let invalid = std::str::from_utf8(&bytes).is_err();
            prop_assert_eq!(whole.warnings, usize::from(invalid));
            let speech: Vec<f32> = whole
                .texts
                .iter()
                .flat_map(|text| speech_of(text))
                .collect();
            prop_assert_eq!(speech, whole.samples);
            Ok(())
        })
        .unwrap();
}
