//! Ends of sentences in raw Russian, English and Chinese text.

use std::ops::Range;

use crate::{
    cut::cut_between_words,
    normalize::{is_lettered_abbreviation, is_russian_abbreviation, is_russian_noun},
};

/// A piece without a sentence end is cut after at most this many characters.
const LONGEST: usize = 500;

/// Words whose full stop ends no sentence unless a capital letter follows.
const MAY_END: [&str; 34] = [
    "т.д", "т.п", "др", "пр", "г", "гг", "в", "вв", "н.э", "руб", "коп", "тыс", "млн", "млрд",
    "чел", "ч", "мин", "сек", "с", "м", "км", "кг", "шт", "стр", "etc", "a.m", "p.m", "inc", "ltd",
    "co", "corp", "u.s", "u.k", "b.c",
];

/// Words whose full stop never ends a sentence.
const NEVER_END: &[&str] = &[
    "т.е",
    "т.к",
    "т.н",
    "т.о",
    "т",
    "и.о",
    "ул",
    "д",
    "кв",
    "пл",
    "пер",
    "туп",
    "бульв",
    "гор",
    "мкрн",
    "мкр-н",
    "о-в",
    "кан",
    "ак",
    "марш",
    "пос",
    "пгт",
    "дер",
    "респ",
    "оз",
    "ост",
    "автост",
    "аэр",
    "вокз",
    "лит",
    "пр-д",
    "пр-кт",
    "просп",
    "пр-т",
    "наб",
    "обл",
    "корп",
    "оф",
    "тел",
    "см",
    "ср",
    "напр",
    "им",
    "акад",
    "проф",
    "арх",
    "инж",
    "реж",
    "доц",
    "гр",
    "тов",
    "св",
    "рис",
    "табл",
    "гл",
    "ст",
    "п",
    "пп",
    "прим",
    "бул",
    "б-р",
    "мкр",
    "гос",
    "зам",
    "зав",
    "мин-во",
    "дж",
    "евг",
    "юл",
    "мл",
    "dr",
    "mr",
    "mrs",
    "ms",
    "prof",
    "sr",
    "jr",
    "st",
    "mt",
    "vs",
    "e.g",
    "i.e",
    "fig",
    "vol",
    "approx",
    "gen",
    "sen",
    "rev",
    "gov",
    "capt",
    "col",
    "lt",
    "sgt",
    "messrs",
    "conf",
    "attn",
    "asst",
    "incl",
    "excl",
    "intl",
    "natl",
    "elem",
    "supt",
    "cmdr",
    "pvt",
];

/// Words whose full stop ends no sentence before one letter that is the name of a place: `Bldg. C`.
const BEFORE_LETTER: &[&str] = &[
    "rm", "apt", "bldg", "ste", "fl", "flr", "blk", "term", "conf",
];

/// English abbreviations whose full stop ends no sentence where a small letter follows.
const INNER: &[&str] = &[
    "dept", "mgr", "hosp", "univ", "temp", "qty", "amt", "conf", "bldg", "bldgs", "dist", "est",
    "avg", "misc", "assn", "bros", "pres", "jct", "sta", "ctr", "hts", "appt", "mtg", "pkwy",
    "hwy", "blvd", "hrs", "arr", "dep", "ave", "rd", "ln", "ct", "corp", "ltd", "inc", "approx",
    "max", "min", "tel", "ext", "apt", "ste", "tsp", "tbsp", "mins", "secs", "lbs", "doz", "acct",
    "stn", "stns", "appts", "exp", "btwn", "wk", "wks", "pts", "oz", "mon", "tue", "tues", "wed",
    "thu", "thur", "thurs", "fri", "sat", "sun",
];

/// Words whose full stop ends no sentence where a number follows.
const BEFORE_NUMBER: &[&str] = &[
    "каб",
    "ком",
    "комн",
    "ауд",
    "пом",
    "эт",
    "под",
    "подъезд",
    "доб",
    "стр",
    "вып",
    "разд",
    "ч",
    "с",
    "ок",
    "прибл",
    "янв",
    "фев",
    "февр",
    "мар",
    "апр",
    "авг",
    "сен",
    "сент",
    "окт",
    "ноя",
    "нояб",
    "дек",
    "пн",
    "вт",
    "чт",
    "пт",
    "сб",
    "вс",
    "jan",
    "feb",
    "mar",
    "apr",
    "jun",
    "jul",
    "aug",
    "sep",
    "sept",
    "oct",
    "nov",
    "dec",
    "mon",
    "tue",
    "tues",
    "wed",
    "thu",
    "thurs",
    "fri",
    "sat",
    "sun",
    "nos",
    "rm",
    "apt",
    "ste",
    "bldg",
    "ext",
    "tel",
    "pp",
    "max",
    "min",
    "ca",
    "no",
    "ref",
    "est",
    "ch",
    "sec",
    "hwy",
    "rte",
    "fl",
    "flr",
    "flt",
    "ph",
    "hrs",
    "qty",
    "rt",
    "jct",
    "sta",
    "term",
    "arr",
    "dep",
    "temp",
    "amt",
    "pg",
    "ver",
    "lvl",
    "blk",
    "avg",
    "dept",
    "conf",
    "art",
    "sc",
    "mob",
    "trk",
    "chap",
    "acct",
    "exp",
    "stns",
];

/// Words that follow a time of day and belong to it: `at 5 p.m. Monday`.
const BEHIND_TIME: &[&str] = &[
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "January",
    "February",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
    "EST",
    "EDT",
    "CST",
    "CDT",
    "MST",
    "MDT",
    "PST",
    "PDT",
    "ET",
    "CT",
    "PT",
    "UTC",
    "GMT",
    "CET",
    "BST",
    "Eastern",
    "Central",
    "Pacific",
];

/// Days written short with a full stop, which belong to a time of day before them: `by 6 p.m. Sat.`
const SHORT_DAYS: &[&str] = &[
    "Mon", "Tue", "Tues", "Wed", "Thu", "Thur", "Thurs", "Fri", "Sat", "Sun",
];

/// Kinds of streets that may follow a short name.
const STREETS: &[&str] = &["Ave", "Blvd", "Rd", "Pkwy"];

/// Words that open a sentence and follow no abbreviation of a name: `on Main St. The next stop`.
const OPENERS: &[&str] = &[
    "The",
    "A",
    "An",
    "He",
    "She",
    "It",
    "We",
    "They",
    "I",
    "You",
    "But",
    "And",
    "So",
    "In",
    "On",
    "At",
    "This",
    "That",
    "These",
    "Those",
    "There",
    "My",
    "Our",
    "His",
    "Her",
    "Their",
    "Your",
    "If",
    "When",
    "While",
    "After",
    "Before",
    "However",
    "Then",
    "Please",
    "As",
    "For",
    "From",
    "To",
    "With",
    "No",
    "Yes",
    "All",
    "Do",
    "Is",
    "Are",
    "Follow",
    "Thank",
    "Passengers",
    "Next",
    "Transfer",
    "Doors",
    "Mind",
    "Take",
    "Turn",
    "Call",
    "Its",
    "What",
    "Where",
    "Why",
    "How",
    "Who",
];

/// Nouns after which a single letter is the name of a thing and no initial: `Gate B.`, `выход Б.`
const LETTERED: &[&str] = &[
    "gate",
    "platform",
    "track",
    "terminal",
    "concourse",
    "section",
    "building",
    "block",
    "hall",
    "room",
    "row",
    "zone",
    "exit",
    "entrance",
    "plan",
    "class",
    "group",
    "type",
    "vitamin",
    "level",
    "lot",
    "pier",
    "wing",
    "seat",
    "grade",
    "appendix",
    "выход",
    "вход",
    "сектор",
    "секция",
    "секции",
    "сектора",
    "секторе",
    "терминал",
    "терминала",
    "терминале",
    "зона",
    "зоны",
    "зоне",
    "зал",
    "зале",
    "корпус",
    "корпусе",
    "блок",
    "блоке",
    "группа",
    "группы",
    "класс",
    "класса",
    "витамин",
    "литера",
    "подъезд",
    "gates",
    "sections",
    "platforms",
    "option",
    "press",
    "key",
    "button",
    "letter",
    "answer",
    "form",
    "route",
    "line",
    "stand",
    "bay",
    "путь",
    "пути",
    "пункт",
    "пункта",
    "пункте",
    "вариант",
    "варианта",
    "кнопка",
    "кнопку",
    "буква",
    "букву",
    "платформа",
    "платформы",
    "платформе",
    "подъезда",
    "подъезде",
    "выхода",
    "выходе",
    "входа",
    "входе",
    "выходу",
    "входу",
    "кабинет",
    "кабинета",
    "кабинете",
    "аудитория",
    "аудитории",
    "аудиторию",
    "палата",
    "палаты",
    "палате",
    "палату",
    "касса",
    "кассы",
    "кассе",
    "кассу",
    "окно",
    "окна",
    "окне",
    "стойка",
    "стойки",
    "стойке",
    "стойку",
    "ряд",
    "ряда",
    "ряду",
    "место",
    "места",
    "дом",
    "дома",
    "доме",
    "строение",
    "строения",
    "этап",
    "этапа",
    "зону",
    "группе",
    "группу",
    "секцию",
    "линия",
    "линии",
    "линию",
    "маршрут",
    "маршрута",
    "вагон",
    "вагона",
    "вагоне",
    "категория",
    "категории",
    "тип",
    "типа",
    "план",
    "плана",
    "билет",
    "шкаф",
    "шкафа",
    "counter",
    "desk",
    "car",
    "coach",
    "carriage",
    "lift",
    "elevator",
    "stop",
    "column",
    "table",
    "aisle",
    "dock",
    "berth",
    "deck",
    "zones",
    "rows",
];

/// The next sentence of `text` at or after byte `from`, without the blanks around it; `None` where only blanks follow.
///
/// A sentence ends with its full stop, question or exclamation mark or ellipsis and the closing quotes and brackets
/// after it, or with its line. Decimal points, abbreviations, initials and numbers of list items end none. A piece of
/// more than 500 characters without an end is cut at its last clause boundary, else at a blank, else anywhere, so that
/// one call looks at a bounded piece of the text.
pub fn next_sentence(text: &str, from: usize) -> Option<Range<usize>> {
    let start = from + text[from..].find(|c: char| !is_blank(c))?;
    let rest = &text[start..];
    // Nothing beyond this can matter; without the bound, runs of dots would be looked at again and again.
    let rest = &rest[..rest.floor_char_boundary(5 * LONGEST)];
    let mut cuts = Cuts::default();
    for (count, (at, c)) in rest.char_indices().enumerate() {
        if count >= LONGEST {
            return Some(trimmed(text, start, start + cuts.best(rest, at)));
        }
        if let Some(end) = sentence_end(rest, at, c) {
            return Some(trimmed(text, start, start + end));
        }
        cuts.note(rest, at, c);
    }
    Some(trimmed(text, start, start + rest.len()))
}

/// The next sentence of text of which more may come: `None` as long as that could still move its end.
pub(super) fn next_certain_sentence(text: &str, from: usize) -> Option<Range<usize>> {
    let range = next_sentence(text, from)?;
    let certain =
        text.len() - range.start > 5 * LONGEST || text[range.end..].contains(|c| !is_skipped(c));
    certain.then_some(range)
}

/// Blanks between sentences, byte order mark and other invisible characters included.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{feff}' | '\u{200b}')
}

fn trimmed(text: &str, start: usize, end: usize) -> Range<usize> {
    start..start + text[start..end].trim_end_matches(is_blank).len()
}

/// Clause boundary: where a sentence can be cut when it must be.
pub fn is_clause_end(c: char, next: Option<char>) -> bool {
    match c {
        ',' | ';' | ':' | ')' => next.is_none_or(char::is_whitespace),
        '，' | '；' | '：' | '、' | '）' => true,
        '—' | '–' => next.is_none_or(char::is_whitespace),
        _ => false,
    }
}

/// The last places where a sentence can be cut.
#[derive(Default)]
struct Cuts {
    clause: usize,
    blank: usize,
}

impl Cuts {
    fn note(&mut self, text: &str, at: usize, c: char) {
        let end = at + c.len_utf8();
        if is_clause_end(c, text[end..].chars().next()) {
            self.clause = end;
        } else if c.is_whitespace() {
            self.blank = end;
        }
    }

    fn best(&self, text: &str, end: usize) -> usize {
        match (self.clause, self.blank) {
            (0, 0) => end,
            (0, blank) => cut_between_words(text, end).unwrap_or(blank),
            (clause, _) => clause,
        }
    }
}

/// The end of the sentence if `c`, which stands at byte `at`, marks it.
fn sentence_end(text: &str, at: usize, c: char) -> Option<usize> {
    let after = at + c.len_utf8();
    match c {
        '\n' | '\u{2028}' | '\u{2029}' | '\u{85}' | '\u{b}' | '\u{c}' => {
            line_ends_sentence(text, at, after).then_some(at)
        }
        '。' | '！' | '？' | '｡' => {
            let run_end = run(text, after);
            let end = closed(text, run_end);
            (end == run_end || !chinese_speaker_follows(&text[end..])).then_some(end)
        }
        '!' | '?' | '…' | '.' | '‼' | '⁇' | '⁈' | '⁉' => {
            if text[..at].ends_with(RUN) {
                return None;
            }
            let run_end = run(text, after);
            let end = closed(text, run_end);
            let next = text[end..].chars().next();
            let ends = (next.is_none_or(|c| is_blank(c) || is_ideographic(c))
                || is_glued(text, at, run_end, end))
                && match (c, run_end - after) {
                    ('.', 0) => full_stop_ends_sentence(&text[..at], &text[end..]),
                    ('.' | '…', _) => !starts_lower(&text[end..]),
                    _ if end > run_end => {
                        !speech_goes_on(&text[end..])
                            && !starts_lower(&text[end..])
                            && !speaker_follows(&text[end..])
                    }
                    _ => !speech_goes_on(&text[end..]),
                };
            ends.then_some(end)
        }
        _ => None,
    }
}

/// Marks that end a sentence, alone or together: `?!`, `...`.
const RUN: [char; 12] = [
    '.', '!', '?', '…', '。', '！', '？', '｡', '‼', '⁇', '⁈', '⁉',
];

/// The end of the run of such marks that goes on at `from`.
fn run(text: &str, from: usize) -> usize {
    let rest = text[from..].trim_start_matches(RUN);
    text.len() - rest.len()
}

/// Closing quotes and brackets after a sentence end.
fn closed(text: &str, from: usize) -> usize {
    let rest = text[from..].trim_start_matches([
        '"', '\'', '”', '’', '»', ')', ']', '」', '』', '）', '】', '》',
    ]);
    // This one closes in „German and Russian“ and opens in “English and Chinese”.
    let rest = match rest.strip_prefix('“') {
        Some(tail) if tail.chars().next().is_none_or(is_blank) => tail,
        _ => rest,
    };
    text.len() - rest.len()
}

/// `Привет!Как дела?`: whether a sentence begins right after the mark at `at` or the run of marks that ends before
/// `run_end`, without a blank. Addresses and names such as `Node.js` are in the way, so that the word before must be of
/// letters alone, and a full stop wants Cyrillic ones.
fn is_glued(text: &str, at: usize, run_end: usize, end: usize) -> bool {
    let word = last_word(&text[..at]);
    let cyrillic = |c: char| matches!(c, '\u{400}'..='\u{52f}');
    let mut next = text[end..].chars();
    let first = next.next().unwrap_or(' ');
    if !first.is_uppercase() {
        return false;
    }
    let stop = &text[at..run_end] == ".";
    // `на rzd.ru.Там`, `5.05.Приходите`: no address and no number goes on with another script.
    let begins_cyrillic_word =
        cyrillic(first) && next.next().is_some_and(|c| cyrillic(c) && c.is_lowercase());
    let is_other_script = text[..at].ends_with(|c: char| c.is_ascii_lowercase())
        || word.ends_with(|c: char| c.is_ascii_digit()) && word.len() < at;
    if stop && begins_cyrillic_word && is_other_script {
        return true;
    }
    let head = text[..at - word.len()].chars().next_back();
    let alone = head.is_none_or(|c| is_blank(c) || is_skipped(c) || ",;".contains(c));
    let length = word.chars().count();
    let is_word = length >= 2 && word.chars().all(char::is_alphabetic);
    let mut letters = word.chars();
    let begins_small = letters.next().is_some_and(char::is_lowercase);
    let certain = !stop
        || length >= if begins_small { 4 } else { 5 }
            && word.starts_with(cyrillic)
            && letters.all(|c| cyrillic(c) && c.is_lowercase())
            && cyrillic(first);
    alone && is_word && certain
}

fn is_ideographic(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{ff00}'..='\u{ff60}')
}

/// The first character of what follows a possible sentence end, behind blanks, dashes and opening quotes.
fn opening(rest: &str) -> Option<char> {
    rest.chars().take(40).find(|c| !is_skipped(*c))
}

fn is_skipped(c: char) -> bool {
    is_blank(c)
        || matches!(
            c,
            '"' | '«' | '“' | '„' | '\'' | '‘' | '(' | '—' | '–' | '-'
        )
}

fn starts_lower(rest: &str) -> bool {
    opening(rest).is_some_and(char::is_lowercase)
}

/// `— Стой! — крикнул он.`: the narrator's words after a dash belong to the sentence.
fn speech_goes_on(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t', '\u{a0}']);
    rest.starts_with(['—', '–', '-']) && starts_lower(rest)
}

/// `"Stop!" John cried.`, `"Why?" I asked.`: the narrator's words after a quotation belong to the sentence.
fn speaker_follows(rest: &str) -> bool {
    const VERBS: &[&str] = &[
        "said",
        "says",
        "cried",
        "asked",
        "asks",
        "shouted",
        "yelled",
        "replied",
        "answered",
        "whispered",
        "exclaimed",
        "called",
        "screamed",
        "muttered",
        "added",
        "repeated",
        "announced",
        "demanded",
        "сказал",
        "сказала",
        "крикнул",
        "крикнула",
        "спросил",
        "спросила",
        "ответил",
        "ответила",
        "закричал",
        "закричала",
        "воскликнул",
        "воскликнула",
        "прошептал",
        "прошептала",
        "объявил",
        "объявила",
        "добавил",
        "добавила",
        "говорит",
        "спрашивает",
    ];
    let near = &rest[..rest.floor_char_boundary(60)];
    // A name has a word or two, each with a capital.
    let mut words = near
        .split_whitespace()
        .take(3)
        .map(|word| word.trim_end_matches(['.', ',', ':', ';', '!', '?']));
    let names: Vec<&str> = words
        .clone()
        .take_while(|word| word.starts_with(char::is_uppercase))
        .collect();
    let is_somebody = |name: &&str| !matches!(*name, "Nobody" | "Никто" | "No");
    !names.is_empty()
        && names.iter().all(is_somebody)
        && words
            .nth(names.len())
            .is_some_and(|word| VERBS.contains(&word))
}

/// `“停！”他喊道。`
fn chinese_speaker_follows(rest: &str) -> bool {
    let clause: String = rest
        .chars()
        .take(7)
        .take_while(|c| !matches!(c, '。' | '，' | '：' | '！' | '？' | '“'))
        .collect();
    let ends = ["说", "说道", "道", "问", "问道", "喊", "喊道", "答", "叫道"];
    let is_whole = clause.chars().count() < 7;
    is_whole && ends.iter().any(|end| clause.ends_with(end))
}

/// A line ends a sentence unless the next one goes on with a small letter: wrapped text.
fn line_ends_sentence(text: &str, at: usize, after: usize) -> bool {
    let rest = &text[after..];
    let next = rest.trim_start_matches([' ', '\t', '\r']);
    let blank_line = next.starts_with('\n');
    blank_line || text[..at].is_empty() || !next.chars().next().is_some_and(char::is_lowercase)
}

/// True if a single full stop between `before` and `rest` ends a sentence.
fn full_stop_ends_sentence(before: &str, rest: &str) -> bool {
    let word = last_word(before);
    let Some(next) = opening(rest) else {
        return true;
    };
    let first_of_sentence = before.len() == word.len();
    if !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()) {
        return !first_of_sentence && !next.is_lowercase();
    }
    let mut letters = word.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return single_letter_ends_sentence(letter, before, next, rest);
    }
    let lower = word.to_lowercase();
    let follows = first_word(rest);
    // `Jan. & Feb.`, `77 Mass. Ave.`
    if next == '&' || STREETS.contains(&follows) {
        return false;
    }
    // `1600 Pennsylvania Ave. NW, Washington`
    let is_street = matches!(
        lower.as_str(),
        "ave" | "rd" | "blvd" | "ln" | "ct" | "pl" | "pkwy" | "hwy"
    );
    if is_street && matches!(follows, "N" | "S" | "E" | "W" | "NE" | "NW" | "SE" | "SW") {
        let behind = rest.trim_start_matches(is_blank)[follows.len()..]
            .chars()
            .next();
        return behind.is_some_and(|c| c == ' ');
    }
    if lower == "ft"
        && !before
            .trim_end_matches(word)
            .trim_end()
            .ends_with(|c: char| c.is_ascii_digit())
    {
        return OPENERS.contains(&follows);
    }
    if matches!(
        lower.as_str(),
        "st" | "jr"
            | "sr"
            | "mt"
            | "pt"
            | "dept"
            | "univ"
            | "mgr"
            | "rep"
            | "pres"
            | "adm"
            | "hon"
            | "maj"
            | "cpl"
    ) || is_latin_initials(word)
    {
        return OPENERS.contains(&follows);
    }
    // `Elm Dr. The next stop`, but `watch Dr. Who`
    if lower == "dr" && follows_name(before, word) {
        return OPENERS.contains(&follows);
    }
    if is_initials(word) {
        return follows_surname(&before[..before.len() - word.len()], rest);
    }
    if NEVER_END.contains(&lower.as_str()) {
        return false;
    }
    let begins_number = |c: char| c.is_ascii_digit() || "$€£¥₩₽#№+".contains(c);
    let numbers =
        begins_number(next) || follows.contains(|c: char| c.is_ascii_digit()) || begins_code(rest);
    // `Tues.-Thurs. 10-4`
    let last = lower.rsplit('-').next().unwrap_or_default();
    let is_before_number = BEFORE_NUMBER.contains(&last);
    if is_before_number && (numbers || rest.trim_start().starts_with(['-', '–', '—'])) {
        return false;
    }
    let is_letter = follows.len() == 1 && follows.starts_with(|c: char| c.is_ascii_uppercase());
    if is_letter && follows != "I" && BEFORE_LETTER.contains(&lower.as_str())
        || next.is_lowercase() && INNER.contains(&last)
        || numbers && is_first_of_two_units(&lower, before, rest)
    {
        return false;
    }
    let short_day = SHORT_DAYS.contains(&follows)
        && rest.trim_start_matches(is_blank)[follows.len()..].starts_with('.');
    if matches!(lower.as_str(), "a.m" | "p.m") && (BEHIND_TIME.contains(&follows) || short_day) {
        return false;
    }
    if matches!(lower.as_str(), "a.m" | "p.m") && describes_service(before, word, follows) {
        return false;
    }
    // `3.4 oz. (100 mL)`, `1,032 pts. (-2.9 %)`
    let aside = rest.trim_start_matches(is_blank).strip_prefix('(');
    let is_measure = [
        "oz", "lb", "lbs", "in", "ft", "mi", "yd", "gal", "pts", "qt", "pt",
    ];
    if is_measure.contains(&lower.as_str())
        && aside.is_some_and(|aside| aside.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
    {
        return false;
    }
    // `12 mi. NE of Ridgecrest`
    let compass = ["N", "S", "E", "W", "NE", "NW", "SE", "SW"].contains(&follows);
    if lower == "mi" && compass || last == "in" && last != lower && next.is_lowercase() {
        return false;
    }
    // `во II пол. XX в.`
    let part = matches!(lower.as_str(), "пол" | "нач" | "кон" | "сер" | "четв");
    if part && matches!(next, 'I' | 'V' | 'X' | '0'..='9') {
        return false;
    }
    // `пр. Мира`, but `и пр.`
    let head = before[..before.len() - word.len()].trim_end();
    if lower == "пр" && (!head.ends_with(['и', ',']) || names_avenue(head, rest)) {
        return false;
    }
    // `с 20 нояб. по 3 дек.`, `по 2 таб. 3 раза`, `в каб. № 12`, `500 долл. США`
    let bare = lower.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    // `Тула-Пасс. закрыта`
    let station = matches!(last, "пасс" | "сорт" | "тов") && last != lower;
    if MAY_END.contains(&lower.as_str()) || station || is_russian_abbreviation(bare) {
        let country = rest.trim_start().starts_with("США");
        let roman = bare != "г" && is_russian_abbreviation(bare) && matches!(next, 'I' | 'V' | 'X');
        // `от терм. D до терм. F`
        let letter = follows.chars().count() == 1 && is_lettered_abbreviation(bare);
        let dash = rest.trim_start().starts_with(['—', '–']) && bare.chars().count() > 1;
        // `Каб. УЗИ № 3`
        let acronym = (2..=4).contains(&follows.chars().count())
            && follows.chars().all(char::is_uppercase)
            && is_lettered_abbreviation(bare);
        return next.is_uppercase() && !country && !roman && !dash && !letter && !acronym;
    }
    !(next.is_lowercase() && word.chars().count() <= 3)
}

/// `the 11:59 p.m. Red Line train`: a time behind an article, which ends with `word` at the end of `before`, says more about
/// what follows.
fn describes_service(before: &str, word: &str, follows: &str) -> bool {
    let head = before[..before.len() - word.len()]
        .trim_end_matches(|c: char| c.is_ascii_digit() || is_blank(c) || matches!(c, ':' | '.'));
    let article = last_word(head).to_lowercase();
    matches!(article.as_str(), "the" | "this" | "our")
        && follows.starts_with(char::is_uppercase)
        && !OPENERS.contains(&follows)
}

/// `no. A-0451`: up to three capitals, a hyphen and digits begin `rest`.
fn begins_code(rest: &str) -> bool {
    let rest = rest.trim_start_matches(is_blank);
    let code = rest.trim_start_matches(char::is_uppercase);
    let letters = rest[..rest.len() - code.len()].chars().count();
    (1..=3).contains(&letters)
        && code
            .strip_prefix('-')
            .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

/// `5 ft. 10 in.`, `2 hr. 30 min.`: two units of one measure.
fn is_first_of_two_units(unit: &str, before: &str, rest: &str) -> bool {
    const FIRST: [&str; 14] = [
        "ft", "lb", "lbs", "hr", "hrs", "yd", "yds", "gal", "min", "mins", "mi", "st", "d", "h",
    ];
    const SECOND: [&str; 14] = [
        "in", "oz", "min", "mins", "sec", "secs", "ft", "qt", "pt", "yd", "yds", "lb", "lbs", "s",
    ];
    let head = before[..before.len() - unit.len()].trim_end();
    let second = rest
        .trim_start()
        .trim_start_matches(|c: char| c.is_ascii_digit());
    FIRST.contains(&unit)
        && head.ends_with(|c: char| c.is_ascii_digit())
        && SECOND.contains(&first_word(second))
}

/// True if a name with a capital, and not the first word of its sentence, stands before `word` at the end of `before`.
fn follows_name(before: &str, word: &str) -> bool {
    let head = before[..before.len() - word.len()].trim_end();
    let name = last_word(head);
    let is_first = head.len() == name.len();
    !is_first && name.starts_with(char::is_uppercase)
}

/// The word that `rest` begins with, behind blanks.
fn first_word(rest: &str) -> &str {
    let rest = rest.trim_start_matches(is_blank);
    let length = rest.find(|c: char| !c.is_alphanumeric());
    &rest[..length
        .unwrap_or(rest.len())
        .min(rest.floor_char_boundary(24))]
}

/// The word, inner full stops and hyphens included, that `before` ends with.
fn last_word(before: &str) -> &str {
    let is_inner = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '\u{301}');
    let start = before
        .char_indices()
        .rev()
        .take(24)
        .take_while(|(_, c)| is_inner(*c))
        .last()
        .map_or(before.len(), |(at, _)| at);
    before[start..].trim_start_matches(['.', '-'])
}

/// `А.С` of `А.С. Пушкин`, `U.S`.
fn is_initials(word: &str) -> bool {
    word.contains('.')
        && word.split('.').all(|part| {
            let mut letters = part.chars();
            letters.next().is_some_and(char::is_uppercase) && letters.next().is_none()
        })
}

/// True if one of the next few words of `rest` is a kind of street.
fn names_street(rest: &str) -> bool {
    const KINDS: [&str; 14] = [
        "St",
        "Street",
        "Ave",
        "Avenue",
        "Blvd",
        "Boulevard",
        "Rd",
        "Road",
        "Dr",
        "Drive",
        "Ln",
        "Lane",
        "Hwy",
        "Way",
    ];
    let near = &rest[..rest.floor_char_boundary(60)];
    near.split(|c: char| c.is_whitespace() || c == '.' || c == ',')
        .filter(|word| !word.is_empty())
        .take(4)
        .any(|word| KINDS.contains(&word))
}

/// `U.S`, `D.C`: initials that are more often the name of a place than of a person.
fn is_latin_initials(word: &str) -> bool {
    matches!(
        word,
        "U.S" | "U.K" | "U.N" | "D.C" | "U.S.A" | "E.U" | "L.A"
    )
}

/// One letter before a full stop is an initial or an abbreviation, but `и т. д.`, `2025 г.` and the words `я` and `I`
/// may well be the last of their sentence.
fn single_letter_ends_sentence(letter: char, before: &str, next: char, rest: &str) -> bool {
    if matches!(letter, 'я' | 'Я' | 'I') {
        return next.is_uppercase() && !(letter == 'Я' && is_surname(first_word(rest)));
    }
    let head = before[..before.len() - letter.len_utf8()].trim_end();
    // `Сидоров И. П. Кабинет 12.`
    if letter.is_uppercase() && follows_surname(head, rest) {
        return true;
    }
    let ends_list = matches!(letter, 'д' | 'п' | 'е' | 'э')
        && head.ends_with('.')
        && matches!(
            head.trim_end_matches('.').chars().next_back(),
            Some('т' | 'н')
        );
    // `12 N. Main St.`
    let is_direction = matches!(letter, 'N' | 'S' | 'E' | 'W') && head.len() < before.len() - 1;
    let follows_number =
        head.ends_with(|c: char| c.is_ascii_digit()) && !(is_direction && names_street(rest));
    // `60 км/ч.`, `5 кВт·ч.`
    let ends_unit = head.ends_with(['/', '·', '⋅', '*', '°'])
        || letter == 'м' && ["кв.", "куб.", "пог."].iter().any(|s| head.ends_with(s));
    // `В 1812 г. Наполеон`, `В 5 в. до н. э. Греция`
    if matches!(letter, 'г' | 'в' | 'э') && only_says_when(before) {
        return false;
    }
    let is_name = letter.is_uppercase() && names_letters(head);
    // `12 А. Иванов`: an entry of a list of names.
    let is_entry = letter.is_uppercase()
        && head.chars().all(|c| c.is_ascii_digit())
        && is_surname(first_word(rest));
    if is_entry {
        return false;
    }
    // `I met Mr. T. He was kind.`
    let title = last_word(head.trim_end_matches('.'));
    let is_titled = head.ends_with('.')
        && matches!(title, "Mr" | "Mrs" | "Ms" | "Dr" | "Prof")
        && OPENERS.contains(&first_word(rest));
    // `II в. до н. э. – III в. н. э.`
    let dash = rest
        .trim_start_matches(is_blank)
        .starts_with(['—', '–', '-']);
    if dash && (ends_list || follows_number || ends_unit) {
        return false;
    }
    if ends_list && letter != 'е'
        || follows_number
        || ends_unit
        || is_name
        || is_titled
        || !letter.is_alphabetic()
    {
        return next.is_uppercase();
    }
    false
}

/// True if `before` is all of a sentence and says but when: a preposition with a capital and a year or a century.
fn only_says_when(before: &str) -> bool {
    const LONGEST_TIME: usize = 48;
    let Some((preposition, time)) = before.trim_start().split_once(' ') else {
        return false;
    };
    let is_time = |word: &str| {
        let plain = word.trim_matches(|c: char| !c.is_alphanumeric());
        matches!(plain, "г" | "гг" | "в" | "вв" | "до" | "н" | "э")
            || !plain.is_empty()
                && plain
                    .chars()
                    .all(|c| c.is_ascii_digit() || "IVXLC".contains(c) || "-–".contains(c))
    };
    time.len() <= LONGEST_TIME
        && matches!(
            preposition,
            "В" | "Во" | "К" | "Ко" | "До" | "После" | "Около" | "С" | "Со"
        )
        && time.split_whitespace().all(is_time)
}

/// `ул. Ленина, пр. Мира`, `и пр. Победы`: the name of an avenue begins `rest`. After a street any name that ends its
/// clause is one, else a name as avenues have.
fn names_avenue(head: &str, rest: &str) -> bool {
    const NAMES: [&str; 20] = [
        "Мира",
        "Победы",
        "Революции",
        "Октября",
        "Славы",
        "Науки",
        "Труда",
        "Свободы",
        "Дружбы",
        "Просвещения",
        "Ленина",
        "Сталина",
        "Гагарина",
        "Калинина",
        "Королёва",
        "Королева",
        "Строителей",
        "Ветеранов",
        "Энтузиастов",
        "Молодёжи",
    ];
    const ENDINGS: [&str; 9] = [
        "ова",
        "ева",
        "ёва",
        "ина",
        "ского",
        "цкого",
        "ский",
        "навтов",
        "ургов",
    ];
    const STREETS: [&str; 9] = [
        "ул.",
        "пер.",
        "пл.",
        "наб.",
        "бул.",
        "улиц",
        "площад",
        "проспект",
        "переул",
    ];
    let name = first_word(rest);
    if !name.starts_with(char::is_uppercase) {
        return false;
    }
    let after = rest.trim_start_matches(is_blank)[name.len()..].trim_start();
    let near = &head[head.ceil_char_boundary(head.len().saturating_sub(160))..];
    let lists_streets = STREETS.iter().any(|street| near.contains(street));
    let ends_clause = after.is_empty() || after.starts_with([',', ';', ')']);
    let like_avenue = name.chars().count() >= 6
        && !is_russian_noun(name)
        && ENDINGS.iter().any(|ending| name.ends_with(ending));
    NAMES.contains(&name) || like_avenue || names_house(rest) || lists_streets && ends_clause
}

/// `пр. Победы, 99`: a name and the number of a house begin `rest`.
fn names_house(rest: &str) -> bool {
    let near = &rest[..rest.floor_char_boundary(80)];
    let Some((name, house)) = near.split_once(',') else {
        return false;
    };
    let house = house.trim_start();
    name.trim_start().starts_with(char::is_uppercase)
        && (house.starts_with(|c: char| c.is_ascii_digit())
            || house.starts_with("д.")
            || house.starts_with("дом"))
}

/// `Сидоров И. П. Кабинет 12.`: true if initials after `head` belong to the surname before them and something else begins
/// `rest`; those of `Роман Л. Н. Толстого` belong to what follows.
fn follows_surname(head: &str, rest: &str) -> bool {
    let mut head = head.trim_end();
    // The other initials, of which there are few.
    for _ in 0..2 {
        let Some(before) = head.strip_suffix('.') else {
            break;
        };
        let letter = last_word(before);
        if letter.chars().count() != 1 || !letter.starts_with(char::is_uppercase) {
            return false;
        }
        head = before[..before.len() - letter.len()].trim_end();
    }
    let next = first_word(rest);
    let begins =
        next.starts_with(char::is_uppercase) && next.chars().nth(1).is_some_and(char::is_lowercase);
    let name = last_word(head);
    // `Ким Е. А. Кабинет 9.`
    let certain = name.chars().count() > 1
        && name.starts_with(|c: char| c.is_uppercase() && c > '\u{400}')
        && !is_russian_noun(name)
        && is_russian_noun(next);
    begins && !is_surname(next) && (is_surname(name) || certain)
}

/// True if `word` ends like a Russian surname and begins with a capital.
fn is_surname(word: &str) -> bool {
    const ENDINGS: [&str; 38] = [
        "ов",
        "ев",
        "ёв",
        "ин",
        "ын",
        "ова",
        "ева",
        "ёва",
        "ина",
        "ына",
        "ову",
        "еву",
        "ину",
        "овой",
        "евой",
        "иной",
        "овым",
        "евым",
        "иным",
        "ове",
        "еве",
        "ский",
        "ской",
        "ская",
        "скую",
        "ского",
        "скому",
        "ским",
        "цкий",
        "цкая",
        "цкого",
        "цкой",
        "ко",
        "чук",
        "ого",
        "дзе",
        "швили",
        "ян",
    ];
    word.starts_with(|c: char| c.is_uppercase() && c > '\u{400}')
        && word.chars().count() > 3
        && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// True if a letter after `head` names a thing: `Gate B`, `Gates A and B`.
fn names_letters(head: &str) -> bool {
    let word = last_word(head);
    // `Rm. B`
    if let Some(short) = word.strip_suffix('.') {
        let short = short.to_lowercase();
        return short != "conf" && BEFORE_LETTER.contains(&short.as_str());
    }
    if matches!(word, "and" | "or" | "и" | "или") {
        let first = head[..head.len() - word.len()].trim_end();
        let letter = last_word(first);
        return letter.chars().count() == 1
            && letter.chars().all(char::is_uppercase)
            && names_letters(first[..first.len() - letter.len()].trim_end());
    }
    LETTERED.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(range) = next_sentence(text, from) {
            from = range.end;
            found.push(&text[range]);
        }
        found
    }

    #[test]
    fn sentences_end_where_a_reader_would_end_them() {
        for (text, expected) in [
            (
                "Привет. Как дела? Хорошо!",
                &["Привет.", "Как дела?", "Хорошо!"][..],
            ),
            (
                "Число 3.14 и 2,5 %. Сайт example.com открыт.",
                &["Число 3.14 и 2,5 %.", "Сайт example.com открыт."],
            ),
            (
                "А. С. Пушкин родился в г. Москве. Это было давно.",
                &["А. С. Пушкин родился в г. Москве.", "Это было давно."],
            ),
            (
                "Яблоки, груши и т. д. Потом сливы.",
                &["Яблоки, груши и т. д.", "Потом сливы."],
            ),
            ("Это, т. е. оно, верно.", &["Это, т. е. оно, верно."]),
            (
                "Это было в 2025 г. Потом прошло.",
                &["Это было в 2025 г.", "Потом прошло."],
            ),
            (
                "Их было 5. Потом стало 6.",
                &["Их было 5.", "Потом стало 6."],
            ),
            (
                "1. Первый пункт.\n2. Второй пункт.",
                &["1. Первый пункт.", "2. Второй пункт."],
            ),
            (
                "— Стой! — крикнул он. — Куда?",
                &["— Стой! — крикнул он.", "— Куда?"],
            ),
            ("Он ждал... и дождался.", &["Он ждал... и дождался."]),
            ("Что?! Не может быть…", &["Что?!", "Не может быть…"]),
            (
                "He said \"stop.\" Then he left.",
                &["He said \"stop.\"", "Then he left."],
            ),
            (
                "Dr. Smith met Mr. Jones at 5 p.m. They spoke, e.g. about J. R. Tolkien.",
                &[
                    "Dr. Smith met Mr. Jones at 5 p.m.",
                    "They spoke, e.g. about J. R. Tolkien.",
                ],
            ),
            ("So do I. Then go.", &["So do I.", "Then go."]),
            (
                "Скидки с 20 нояб. по 3 дек. 2026 г. Спешите!",
                &["Скидки с 20 нояб. по 3 дек. 2026 г.", "Спешите!"],
            ),
            (
                "Пройдите в каб. № 12. Примите по 2 таб. 3 раза в день.",
                &["Пройдите в каб. № 12.", "Примите по 2 таб. 3 раза в день."],
            ),
            (
                "Грант 500 долл. США на 3-комн. кв. во II пол. XX в. выдан.",
                &["Грант 500 долл. США на 3-комн. кв. во II пол. XX в. выдан."],
            ),
            (
                "Гл. 4, разд. II. 1 сент. — День знаний.",
                &["Гл. 4, разд. II.", "1 сент. — День знаний."],
            ),
            (
                "Скорость 60 км/ч. Внимание!",
                &["Скорость 60 км/ч.", "Внимание!"],
            ),
            ("Go to Gate B. Thank you.", &["Go to Gate B.", "Thank you."]),
            ("Вам в сектор Б. Спасибо.", &["Вам в сектор Б.", "Спасибо."]),
            (
                "Gates A and B. Thank you. Press A. Then B.",
                &["Gates A and B.", "Thank you.", "Press A.", "Then B."],
            ),
            ("George W. Bush spoke.", &["George W. Bush spoke."]),
            (
                "Приём ведёт проф. И. П. Сидоров. Каб. 12. Ждите.",
                &["Приём ведёт проф. И. П. Сидоров.", "Каб. 12.", "Ждите."],
            ),
            (
                "Приём ведёт Сидоров И. П. Кабинет 12.",
                &["Приём ведёт Сидоров И. П.", "Кабинет 12."],
            ),
            (
                "Директор Петрова О.В. Секретарь Ким Е. А.",
                &["Директор Петрова О.В.", "Секретарь Ким Е. А."],
            ),
            (
                "Дежурит д-р Ким Е. А. Кабинет 9. Я. Козлов ждёт.",
                &["Дежурит д-р Ким Е. А.", "Кабинет 9.", "Я. Козлов ждёт."],
            ),
            (
                "Роман Л. Н. Толстого и стихи Дж. Р. Р. Толкина.",
                &["Роман Л. Н. Толстого и стихи Дж. Р. Р. Толкина."],
            ),
            (
                "Больница, пр. Победы, 99. Трансфер от терм. D до терм. F.",
                &[
                    "Больница, пр. Победы, 99.",
                    "Трансфер от терм. D до терм. F.",
                ],
            ),
            ("Каб. 12. Войдите.", &["Каб. 12.", "Войдите."]),
            ("On Dec. 5 we go. Bye.", &["On Dec. 5 we go.", "Bye."]),
            (
                "\"Stop!\" he cried. Then he left.",
                &["\"Stop!\" he cried.", "Then he left."],
            ),
            ("«Стой!» крикнул он.", &["«Стой!» крикнул он."]),
            ("\"Stop!\" He left.", &["\"Stop!\"", "He left."]),
            (
                "Привет!Как дела?Хорошо.",
                &["Привет!", "Как дела?", "Хорошо."],
            ),
            ("Всё готово.Едем дальше.", &["Всё готово.", "Едем дальше."]),
            (
                "Сайт a.ru/?Q=1, ул.Ленина и Node.JS.",
                &["Сайт a.ru/?Q=1, ул.Ленина и Node.JS."],
            ),
            (
                "你好。“今天很好！”我们去吧",
                &["你好。", "“今天很好！”", "我们去吧"],
            ),
            (
                "Заголовок\n\nТекст идёт\nдальше.",
                &["Заголовок", "Текст идёт\nдальше."],
            ),
            ("\u{feff} \r\n Да.\r\n", &["Да."]),
            (" \n ", &[]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }

    #[test]
    fn a_listener_hears_sentences_end_and_long_ones_cut_as_in_the_table() {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures");
        let table = std::fs::read_to_string(format!("{fixtures}/sentences.tsv")).unwrap();
        let mut wrong = String::new();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let [kind, text, wanted] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("three columns are expected: {line}");
            };
            let got = if kind == "cut" {
                let room = text.floor_char_boundary(text.len() * 72 / 100);
                let cut = cut_between_words(text, room).unwrap_or(text.len());
                format!("{} | {}", text[..cut].trim_end(), &text[cut..])
            } else {
                sentences(text).join(" | ")
            };
            if got != wanted {
                wrong.push_str(&format!("{kind}: want {wanted}\n{kind}: got  {got}\n"));
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    #[test]
    fn text_without_an_end_is_cut_at_commas_then_blanks_then_anywhere() {
        let commas = "слово слово, ".repeat(100);
        assert!(sentences(&commas).iter().all(|s| s.ends_with(',')));
        let blanks = "слово ".repeat(300);
        assert!(sentences(&blanks).iter().all(|s| s.ends_with("слово")));
        let solid = "я".repeat(1200);
        assert_eq!(sentences(&solid).len(), 3);
    }

    proptest! {
        #[test]
        fn only_blanks_lie_between_sentences(text in any::<String>()) {
            let mut from = 0;
            while let Some(range) = next_sentence(&text, from) {
                prop_assert!(text[from..range.start].chars().all(is_blank));
                prop_assert!(!range.is_empty());
                from = range.end;
            }
            prop_assert!(text[from..].chars().all(is_blank));
        }
    }
}
