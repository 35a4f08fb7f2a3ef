//! Characters: one form for the many that mean the same, none for those without a sound.

use unicode_normalization::UnicodeNormalization;

use super::{
    Change,
    lex::{control, is_combining},
};

/// Signs that languages read out or that numbers are written with.
const SIGNS: &str = ".,!?;:-—()\"'«»…%‰№#$€£¥₽₴¢°+=&@/*×÷±~_²³§<>\\∶≥≤≈≠→←↔↑↓∞√∑∆‱^₩₹₺₸₿₪฿₫₦₱©∈∉⊂⊆⊃⊇∩∪∅∏∫∝∠⊥∥∀∃∴⋈★☆♥❤♠♣♦✓✔✗✘☎✉☀☁☂♀♂♿⚠⚡✈™®";

/// Zeros of the decimal digits of other scripts.
const ZEROS: [u32; 26] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
    0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1b50, 0xa8d0,
    0xff10,
];

/// `text` composed (NFC), with ASCII digits, plain blanks and plain quotes, and without what has no sound.
///
/// Characters that are another one then, or gone, go to `changes`, neighbours as one piece; blanks do not.
pub(super) fn clean(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let text: String = text.nfc().collect();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut joins = false;
    while let Some(c) = rest.chars().next() {
        let length = control(rest).unwrap_or(c.len_utf8());
        let (head, tail) = rest.split_at(length);
        let before = out.len();
        if length > c.len_utf8() {
            out.push_str(head);
        } else {
            push_clean(&mut out, c, tail);
        }
        if let Some(changes) = changes.as_deref_mut() {
            joins = note(changes, head, &out[before..], joins);
        }
        rest = tail;
    }
    composed(&out, changes)
}

/// Notes that `written` became `clean`, in the last change where it `joins` that; returns whether the next one joins it.
fn note(changes: &mut Vec<Change>, written: &str, clean: &str, joins: bool) -> bool {
    if written == clean || written.chars().all(char::is_whitespace) {
        return false;
    }
    let rule = if clean.trim().is_empty() {
        "no sound"
    } else {
        "character"
    };
    match changes.last_mut().filter(|last| joins && last.rule == rule) {
        Some(last) => {
            last.written.push_str(written);
            last.said.push_str(clean.trim());
        }
        None => changes.push(Change::new(written, clean.trim(), rule)),
    }
    true
}

/// Signs that are typed as two characters as the one that they mean. It comes last: what stood between the two, or a digit
/// of another script, is gone or ASCII only now.
fn composed(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let mut note = |written: &str, sign: &str| {
        if let Some(changes) = changes.as_deref_mut() {
            changes.push(Change::new(written, sign, "character"));
        }
    };
    let mut text = text.to_owned();
    for (typed, sign) in [
        (">=", "≥"),
        ("<=", "≤"),
        ("!=", "≠"),
        ("->", "→"),
        ("=>", "→"),
    ] {
        text.matches(typed).for_each(|typed| note(typed, sign));
        text = text.replace(typed, sign);
    }
    text = with_plain_colons(&text, &mut note);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('^') {
        let (head, power) = rest.split_at(at);
        out.push_str(head);
        // `m^2` is m², `10^24` is another power.
        let follows_digit = power.chars().nth(2).is_some_and(|c| c.is_ascii_digit());
        let sign = match power.as_bytes().get(1) {
            Some(b'2') if !follows_digit => "²",
            Some(b'3') if !follows_digit => "³",
            _ => {
                out.push('^');
                rest = &power[1..];
                continue;
            }
        };
        note(&power[..2], sign);
        out.push_str(sign);
        rest = &power[2..];
    }
    out + rest
}

/// `text` with a plain colon for each `∶` but that of a ratio, which stands between two numbers and parts no hours from
/// minutes: `5 ∶ 3`, not `9∶30`.
fn with_plain_colons(text: &str, note: &mut impl FnMut(&str, &str)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('∶') {
        let (head, tail) = rest.split_at(at);
        let tail = &tail['∶'.len_utf8()..];
        out.push_str(head);
        let digits = tail.bytes().take_while(u8::is_ascii_digit).take(3).count();
        let is_digit = |c: char| c.is_ascii_digit();
        let is_time = digits == 2 && out.ends_with(is_digit);
        let near = |text: &str| text.strip_prefix(' ').unwrap_or(text).starts_with(is_digit);
        let follows = out.strip_suffix(' ').unwrap_or(&out).ends_with(is_digit);
        if follows && near(tail) && !is_time {
            out.push('∶');
        } else {
            note("∶", ":");
            out.push(':');
        }
        rest = tail;
    }
    out + rest
}

fn push_clean(out: &mut String, c: char, rest: &str) {
    match c {
        'а'..='я' | 'А'..='Я' | 'a'..='z' | 'A'..='Z' => out.push(c),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {}
        '\u{fe00}'..='\u{fe0f}' | '\u{20d0}'..='\u{20ff}' => {}
        '“' | '”' | '„' | '‟' | '‹' | '›' | '〝' | '〞' | '″' => out.push('"'),
        '‘' | '’' | '‚' | '‛' | 'ʼ' | '`' | '´' | '′' => out.push('\''),
        '\u{2010}' | '\u{2011}' | '\u{2212}' | '﹣' | '－' => out.push('-'),
        // Between digits a dash is a range, with or without blanks.
        '\u{2012}' | '\u{2013}' if out.ends_with(|c: char| c.is_ascii_digit()) => {
            out.push(if rest.starts_with(|c: char| c.is_ascii_digit()) {
                '-'
            } else {
                '—'
            });
        }
        '\u{2012}'..='\u{2015}' | '\u{2e3a}' | '\u{2e3b}' => out.push('—'),
        '…' => out.push_str("..."),
        '[' | '{' => out.push('('),
        ']' | '}' => out.push(')'),
        '。' | '｡' => out.push_str(". "),
        '，' | '、' => out.push_str(", "),
        '\u{2044}' | '\u{2215}' => out.push('/'),
        '·' | '⋅' | '∙' | '∗' => out.push('*'),
        'º' => out.push('°'),
        '：' => out.push(':'),
        '≧' | '⩾' => out.push('≥'),
        '≦' | '⩽' => out.push('≤'),
        '≒' | '≃' | '≅' => out.push('≈'),
        '⇒' | '⟶' | '➔' | '➜' | '➝' | '➡' => out.push('→'),
        '✕' | '✖' | '⨯' => out.push('×'),
        '㎡' => out.push_str("m²"),
        '㎥' => out.push_str("m³"),
        // Marks on a name, which nobody says.
        '™' | '℠' | '®' if out.ends_with(char::is_alphanumeric) => {}
        '℃' => out.push_str("°C"),
        '℉' => out.push_str("°F"),
        // `5 ⁰С`, as it is typed
        '⁰' if rest.starts_with(['C', 'С', 'F']) => out.push('°'),
        '⁰' | '¹' | '⁴'..='⁹' | '⁻' | '²' | '³' if is_power(out, c) => {
            push_power(out, c)
        }
        c if SIGNS.contains(c) => out.push(c),
        c if c.is_whitespace() || c.is_control() => out.push(' '),
        c if c.is_numeric() => push_number(out, c),
        // Fullwidth forms, enclosed and styled letters.
        '！'..='～' | 'Ⓐ'..='ⓩ' | '\u{1d400}'..='\u{1d7ff}' | '℗'..='ℤ' | '㎀'..='㏿' =>
        {
            let plain: String = c.nfkc().collect();
            if !plain.contains(c) {
                plain.chars().for_each(|p| push_clean(out, p, ""));
            }
        }
        c if c.is_alphabetic() => out.push(c),
        c if is_combining(c) && out.ends_with(|last: char| !last.is_whitespace()) => out.push(c),
        _ => out.push(' '),
    }
}

/// True if the raised character `c` belongs to the power of a number at the end of `out`: `10⁹`, `10⁻³`. The signs ² and ³
/// alone have a reading of their own.
fn is_power(out: &str, c: char) -> bool {
    let base = out.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    match c {
        '²' | '³' => base.ends_with('^') && !out.ends_with('^'),
        _ => base.ends_with('^') || out.ends_with(|c: char| c.is_ascii_digit()),
    }
}

fn push_power(out: &mut String, c: char) {
    let base = out.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
    if !base.ends_with('^') {
        out.push('^');
    }
    match c {
        '⁻' => out.push('-'),
        c => out.extend(c.nfkc()),
    }
}

/// Digits of other scripts and numbers in one character, such as `½` and `Ⅳ`.
fn push_number(out: &mut String, c: char) {
    if c.is_ascii_digit() {
        return out.push(c);
    }
    let code = c as u32;
    if let Some(zero) = ZEROS
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code))
    {
        return out.push(char::from(b'0' + (code - zero) as u8));
    }
    let plain: String = c.nfkc().collect();
    if plain.contains('⁄') && out.ends_with(|c: char| c.is_ascii_digit()) {
        out.push(' ');
    }
    for p in plain.chars() {
        match p {
            '⁄' => out.push('/'),
            p if p.is_ascii_alphanumeric() => out.push(p),
            _ => out.push(' '),
        }
    }
}

/// `text` without symbols and format characters; letters, digits, punctuation and inline controls of any script stay.
///
/// Removed characters are noted in `changes`, neighbours as one piece.
pub(super) fn tidy_symbols(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let keeps = |c: char| {
        c.is_alphanumeric()
            || is_combining(c) && !matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{20d0}'..='\u{20ff}')
            || c.is_ascii_graphic()
            || is_named_sign(c)
            || matches!(c, ' ' | '·' | '°' | '\u{2010}'..='\u{201f}' | '…' | '\u{3001}'..='\u{303f}' | '！'..='￥')
    };
    let mut joins = false;
    text.chars()
        .filter(|c| {
            let kept = keeps(*c);
            if let Some(changes) = changes.as_deref_mut() {
                joins = !kept && note(changes, c.encode_utf8(&mut [0; 4]), "", joins);
            }
            kept
        })
        .collect()
}

/// Signs of money, mathematics, measure and lettering, which mean something where they stand.
fn is_named_sign(c: char) -> bool {
    matches!(c,
        '¢'..='¥' | '§' | '©' | '®' | '±' | 'µ' | '¶' | '×' | '÷'
        | '★' | '☆' | '♥' | '❤' | '♠' | '♣' | '♦' | '✓' | '✔' | '✗' | '✘' | '☎' | '✉' | '☀' | '☁' | '☂' | '♀' | '♂'
        | '♿' | '⚠' | '⚡' | '✈' | '\u{2030}'..='\u{2034}' | '※' | '\u{20a0}'..='\u{20cf}' | '\u{2100}'..='\u{22ff}' | '\u{3300}'..='\u{33ff}'
        | '￠'..='￦')
}

/// `text` with single blanks, none before a closing mark, and with runs of one mark cut to three; `changes` names them.
pub(super) fn tidy(text: &str, mut changes: Option<&mut Vec<Change>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    let mut run = 0;
    for c in text.chars() {
        if c.is_whitespace() {
            if last != ' ' && last != '(' {
                out.push(' ');
                last = ' ';
            }
            continue;
        }
        if matches!(c, '.' | ',' | '!' | '?' | ';' | ':' | ')' | '»') && out.ends_with(' ') {
            out.pop();
            last = out.chars().next_back().unwrap_or(' ');
        }
        run = if c == last { run + 1 } else { 1 };
        if run > 3 && !c.is_alphabetic() {
            if let Some(changes) = changes.as_deref_mut().filter(|_| run == 4) {
                let three = c.to_string().repeat(3);
                changes.push(Change::new(&format!("{three}{c}"), &three, "repeated mark"));
            }
            continue;
        }
        out.push(c);
        last = c;
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn variants_become_one_form_and_soundless_characters_go() {
        for (text, expected) in [
            ("“Да”, ‘нет’", "\"Да\", 'нет'"),
            ("10–15 — всё", "10-15 — всё"),
            ("１２３ и ٤٥", "123 и 45"),
            ("2½ Ⅳ", "2 1/2 IV"),
            ("при\u{ad}вет\u{200b}", "привет"),
            ("Ура 🎉👍🏽!", "Ура!"),
            ("за\u{301}мок, ёж, и\u{306}", "за\u{301}мок, ёж, й"),
            (
                "[breath] [примечание] <strong>да</strong>",
                "[breath] (примечание) <strong>да</strong>",
            ),
            ("ждал…", "ждал..."),
            ("а!!!!!!", "а!!!"),
            ("1\u{202f}000\u{a0}000", "1 000 000"),
        ] {
            assert_eq!(tidy(&clean(text, None), None), expected, "{text}");
        }
    }

    #[test]
    fn signs_of_two_characters_are_found_whatever_stood_between_them() {
        for (text, cleaned) in [
            ("м^2, 10^24, x^3", "м², 10^24, x³"),
            (
                "10⁹, 10⁻³, 10¹², 10², сноска¹",
                "10^9, 10^-3, 10^12, 10², сноска1",
            ),
            ("^\u{c68}", "²"),
            ("a >\u{200b}= b", "a ≥ b"),
            ("^^2", "^²"),
            ("a -> b => c", "a → b → c"),
        ] {
            assert_eq!(clean(text, None), cleaned, "{text:?}");
            assert_eq!(clean(cleaned, None), cleaned, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn cleaning_twice_changes_nothing(text in any::<String>()) {
            let once = tidy(&clean(&text, None), None);
            prop_assert_eq!(tidy(&clean(&once, None), None), once);
        }

        #[test]
        fn only_ascii_digits_remain(text in "\\PC*") {
            prop_assert!(clean(&text, None).chars().all(|c| !c.is_numeric() || c.is_ascii_digit() || "²³".contains(c)));
        }
    }
}
