//! `split_paragraph`, the official splitting: the reference that the product's own splitting is measured by.

/// Kind of text, which decides on the boundaries and the appended full stop of the official splitting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Text with CJK ideographs.
    Chinese,
    /// Everything else.
    Alphabetic,
}

/// Lengths of the official splitting, in units of the length function (tokens; characters for Chinese).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParagraphOptions {
    /// A segment that would grow beyond this may be closed ...
    pub max: usize,
    /// ... if it is longer than this.
    pub min: usize,
    /// A last segment shorter than this is joined to the one before.
    pub tail: usize,
    /// True if commas are boundaries as well.
    pub comma: bool,
}

impl Default for ParagraphOptions {
    fn default() -> Self {
        Self {
            max: 80,
            min: 60,
            tail: 20,
            comma: false,
        }
    }
}

/// Splits `text` as the official front end does, with its quirks: decimal points and abbreviations are boundaries, a
/// segment may exceed `max`, and blanks after a boundary stay at the start of the next piece.
///
/// Text that is empty or blank, where the official code fails, gives nothing.
pub fn split_paragraph(
    text: &str,
    script: Script,
    options: ParagraphOptions,
    length: impl Fn(&str) -> usize,
) -> Vec<String> {
    let mut segments: Vec<String> = Vec::new();
    let mut current = String::new();
    for piece in pieces(text, script, options.comma) {
        let grown = format!("{current}{piece}");
        if length(&grown) > options.max && length(&current) > options.min {
            segments.push(std::mem::replace(&mut current, piece));
        } else {
            current = grown;
        }
    }
    if current.is_empty() {
        return segments;
    }
    match segments.last_mut() {
        Some(last) if length(&current) < options.tail => last.push_str(&current),
        _ => segments.push(current),
    }
    segments
}

fn pieces(text: &str, script: Script, comma: bool) -> Vec<String> {
    let (boundaries, commas, stop) = match script {
        Script::Chinese => ("。？！；：、.?!;", "，,", '。'),
        Script::Alphabetic => (".?!;:", "，,", '.'),
    };
    let is_boundary = |c: char| boundaries.contains(c) || comma && commas.contains(c);
    let text = text.trim();
    let mut chars: Vec<char> = text.chars().collect();
    match chars.last() {
        None => return Vec::new(),
        Some(last) if !is_boundary(*last) => chars.push(stop),
        Some(_) => {}
    }
    let mut pieces: Vec<String> = Vec::new();
    let mut start = 0;
    let mut i = 0;
    while i < chars.len() {
        if is_boundary(chars[i]) {
            let mut end = i + 1;
            let has_words = i > start;
            if has_words && matches!(chars.get(end), Some('"' | '”')) {
                end += 1;
            }
            if has_words {
                pieces.push(chars[start..end].iter().collect());
            }
            start = end;
        }
        i = start.max(i + 1);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{super::tokenizer::tests::golden, *};

    #[test]
    fn splits_as_the_official_front_end() {
        let cases = std::fs::read_to_string(golden("text_cases.json")).unwrap();
        let cases: serde_json::Value = serde_json::from_str(&cases).unwrap();
        for case in cases["split_paragraph"].as_array().unwrap() {
            let number = |name: &str| case["options"][name].as_u64().unwrap() as usize;
            let options = ParagraphOptions {
                max: number("token_max_n"),
                min: number("token_min_n"),
                tail: number("merge_len"),
                comma: case["options"]["comma_split"].as_bool().unwrap(),
            };
            let (script, length): (_, fn(&str) -> usize) = match case["lang"].as_str().unwrap() {
                "zh" => (Script::Chinese, |text| text.chars().count()),
                _ => (Script::Alphabetic, |text| text.split_whitespace().count()),
            };
            let expected: Vec<String> = serde_json::from_value(case["out"].clone()).unwrap();
            let text = case["text"].as_str().unwrap();
            assert_eq!(
                split_paragraph(text, script, options, length),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn blank_text_gives_nothing() {
        for text in ["", " ", "\n"] {
            assert!(
                split_paragraph(text, Script::Alphabetic, Default::default(), str::len).is_empty()
            );
        }
    }
}
