//! Russian.

pub(super) fn read(text: &str) -> String {
    text.to_owned()
}
