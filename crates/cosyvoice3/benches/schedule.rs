//! Overlap of the stages with the times that an RK3588 with an AX650N was reported to take, played at their true speed.
//!
//! `cargo bench --bench schedule [-- PICTURE.svg]`: a table, and a picture of the six sentences with computed prefixes on
//! separate cores. It takes two and a half minutes and hardly any processor.

use test_support::played;

use cosyvoice3::synth::timeline;
use played::{BigCores, CACHED, COLD};

const SENTENCES: usize = 6;

fn main() {
    test_support::enter_root();
    let picture = std::env::args().skip(1).find(|word| word != "--bench");
    println!("| | bound | played | | first speech |\n|---|---|---|---|---|");
    for (what, cores, sentences) in [
        ("one utterance", BigCores::Separate, 1),
        (
            "six sentences, separate cores",
            BigCores::Separate,
            SENTENCES,
        ),
        ("six sentences, the same cores", BigCores::Shared, SENTENCES),
    ] {
        for (prefix, times) in [("cold", COLD), ("cached", CACHED)] {
            let bound = times.bound(cores, sentences);
            let run = played::play(&times, cores, sentences, 1.0);
            println!(
                "| {what}, {prefix} | {bound:.2} s | {:.2} s | {:+.2} % | {:.2} s |",
                run.total,
                100.0 * (run.total / bound - 1.0),
                run.first
            );
            if let Some(path) = &picture
                && (prefix, cores, sentences) == ("cached", BigCores::Separate, SENTENCES)
            {
                std::fs::write(path, timeline::svg(&run.spans)).expect("a picture");
            }
        }
    }
}
