//! Overlap of the stages with the times that an RK3588 with an AX650N was reported to take, played at their true speed.
//!
//! `cargo bench --bench schedule [-- PICTURE.svg]`: a table, and a picture of the six sentences with computed prefixes on
//! separate cores. It takes five minutes and hardly any processor.

use test_support::played;

use cosyvoice3::synth::{Flush, timeline};
use played::{BigCores, CACHED, COLD};

const SENTENCES: usize = 6;

fn main() {
    test_support::enter_root();
    let picture = std::env::args().skip(1).find(|word| word != "--bench");
    println!("| | bound | played | | first speech | ran dry |\n|---|---|---|---|---|---|");
    for (what, cores, sentences, flush) in [
        ("one utterance", BigCores::Separate, 1, Flush::FullMel),
        (
            "one utterance in chunks",
            BigCores::Separate,
            1,
            Flush::Chunk,
        ),
        (
            "six sentences, separate cores",
            BigCores::Separate,
            SENTENCES,
            Flush::FullMel,
        ),
        (
            "the same in chunks",
            BigCores::Separate,
            SENTENCES,
            Flush::Chunk,
        ),
        (
            "six sentences, the same cores",
            BigCores::Shared,
            SENTENCES,
            Flush::FullMel,
        ),
        (
            "the same in chunks",
            BigCores::Shared,
            SENTENCES,
            Flush::Chunk,
        ),
    ] {
        for (prefix, times) in [("cold", COLD), ("cached", CACHED)] {
            let bound = times.bound(cores, sentences);
            let run = played::play(&times, cores, sentences, 1.0, flush);
            println!(
                "| {what}, {prefix} | {bound:.2} s | {:.2} s | {:+.2} % | {:.2} s | {:.2} s |",
                run.total,
                100.0 * (run.total / bound - 1.0),
                run.first,
                run.dry
            );
            if let Some(path) = &picture
                && (prefix, cores, sentences, flush)
                    == ("cached", BigCores::Separate, SENTENCES, Flush::FullMel)
            {
                std::fs::write(path, timeline::svg(&run.spans)).expect("a picture");
            }
        }
    }
}
