//! Eight engines that start at once, in a program without GStreamer: for ThreadSanitizer (docs/testing.md).

fn main() {
    test_support::together::engines_speak_as_one_alone();
    println!("eight engines spoke as one alone");
}
