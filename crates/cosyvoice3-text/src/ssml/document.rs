//! From the events of the XML reader to segments.

use std::{ops::Range, sync::Arc};

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesRef, BytesStart, Event},
};

use super::{
    Document, LARGEST, SayAs, Segment, SsmlError, Text, say_as,
    values::{rate, strength, time},
};
use crate::{Language, normalize::russian_ordinal};

/// Deepest nesting of elements.
const DEEPEST: usize = 64;
/// Most segments.
const MOST_SEGMENTS: usize = 20_000;
/// Longest list of one element's attributes, in bytes.
const LONGEST_ATTRIBUTES: usize = 4_096;
/// Most attributes of one element: each is compared with those before it.
const MOST_ATTRIBUTES: usize = 64;
/// Longest text of one `say-as`, in bytes; its words take many times as much memory.
const LONGEST_SAY_AS: usize = 4_096;
/// Most names of unsupported things that are reported.
const MOST_NAMES: usize = 100;
/// Longest of these names, in characters.
const LONGEST_NAME: usize = 60;

/// The segments of the SSML in `document`.
///
/// `language` is that of `say-as` where the document gives none; without it, it is detected from the text.
///
/// # Errors
///
/// A document that is not well formed, does not begin with `speak`, has a document type or entities of its own, exceeds
/// the [limits](super) or has a value that is none, such as `<break time="soon"/>`; with the place and what is wanted.
pub fn parse(document: &str, language: Option<Language>) -> Result<Document, SsmlError> {
    let mut reader = Reader::from_str(document);
    let mut place = 0;
    let parsed = if document.len() > LARGEST {
        Err(format!(
            "the document has {} bytes; at most {LARGEST} are read",
            document.len()
        ))
    } else {
        let language = language.or_else(|| Language::detect(document_text(document)));
        Parser::new(language.unwrap_or(Language::English)).run(&mut reader, &mut place)
    };
    parsed.map_err(|problem| {
        let at = usize::try_from(place).unwrap_or(0);
        let before = &document[..document.floor_char_boundary(at)];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        SsmlError {
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_start..].chars().count(),
            problem,
        }
    })
}

/// The part of `document` that shows its language: all behind its first tag; names of elements are few beside it.
fn document_text(document: &str) -> &str {
    document.find('>').map_or("", |end| &document[end + 1..])
}

/// The use that an element makes of the text in it.
#[derive(Clone, PartialEq)]
enum Content {
    Speech,
    /// It is not for speech.
    Left,
    /// It is read when the element ends.
    SayAs(Option<SayAs>, Option<Arc<str>>),
}

/// An element that is open.
struct Open {
    name: String,
    content: Content,
    /// True if sentences end at its borders.
    parts: bool,
    /// The control that its end closes.
    control: Option<&'static str>,
    voice: Option<Arc<str>>,
    language: Option<Language>,
    rate: f32,
}

/// A Russian ordinal as it stands in a text, in the nominative.
struct Ordinal {
    number: u64,
    /// Index of its segment.
    segment: usize,
    /// Bytes of the segment's text.
    place: Range<usize>,
}

struct Parser {
    document: Document,
    open: Vec<Open>,
    /// The text of the innermost `say-as`.
    said: String,
    /// Russian ordinals, whose forms depend on the text after them.
    ordinals: Vec<Ordinal>,
    /// The language where none is given.
    language: Language,
    finished: bool,
}

type Outcome<T = ()> = Result<T, String>;

impl Parser {
    fn new(language: Language) -> Self {
        Self {
            document: Document::default(),
            open: Vec::new(),
            said: String::new(),
            ordinals: Vec::new(),
            language,
            finished: false,
        }
    }

    /// Reads to the end; `place` is the byte at which an error begins.
    fn run(mut self, reader: &mut Reader<&[u8]>, place: &mut u64) -> Outcome<Document> {
        loop {
            *place = reader.buffer_position();
            let event = reader.read_event().map_err(|error| {
                *place = reader.error_position();
                format!("not well formed: {error}")
            })?;
            match event {
                Event::Start(element) => self.start(&element)?,
                Event::Empty(element) => {
                    self.start(&element)?;
                    self.end()?;
                }
                Event::End(_) => self.end()?,
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let c = character(&reference)?;
                    self.text(c.encode_utf8(&mut [0; 4]))?;
                }
                Event::DocType(_) => {
                    return Err("a document type is refused; leave `<!DOCTYPE ...>` out".to_owned());
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if let Some(element) = self.open.last() {
            return Err(format!(
                "`<{}>` is not closed; write `</{}>`",
                element.name, element.name
            ));
        }
        if !self.finished {
            return Err(
                "no `<speak>` was found; an SSML document is `<speak>...</speak>`".to_owned(),
            );
        }
        inflect(&mut self.document.segments, &self.ordinals);
        balance(&mut self.document.segments);
        Ok(self.document)
    }

    fn start(&mut self, element: &BytesStart) -> Outcome {
        let name = element.local_name();
        let name = name.as_ref();
        if self.open.is_empty() && (name != "speak" || self.finished) {
            return Err(format!(
                "`<{}>` stands outside of `<speak>...</speak>`",
                shortened(name)
            ));
        }
        if self.open.len() == DEEPEST {
            return Err(format!("more than {DEEPEST} elements stand in one another"));
        }
        let attributes = attributes(element)?;
        let outer = self.open.last();
        let mut open = Open {
            name: shortened(element.name().as_ref()),
            content: outer.map_or(Content::Speech, |outer| outer.content.clone()),
            parts: false,
            control: None,
            voice: outer.and_then(|outer| outer.voice.clone()),
            language: outer.and_then(|outer| outer.language),
            rate: outer.map_or(1.0, |outer| outer.rate),
        };
        let is_left = open.content == Content::Left;
        if !is_left {
            self.apply(name, &attributes, &mut open)?;
        }
        if open.parts {
            self.part();
        }
        // The control that an element opens belongs inside it, to its voice.
        let opens = open.control.filter(|_| !is_left);
        self.open.push(open);
        match opens {
            Some(control) => self.append(&format!("<{control}>")),
            None => Ok(()),
        }
    }

    /// Applies the element `name` to `open` and at its place.
    fn apply(&mut self, name: &str, attributes: &Attributes, open: &mut Open) -> Outcome {
        if let Some(tag) = attributes.get("xml:lang") {
            open.language = self.language_of(tag).or(open.language);
        }
        let known = match name {
            "speak" if self.open.is_empty() => &[
                "version",
                "schemaLocation",
                "onlangfailure",
                "startmark",
                "endmark",
            ],
            "p" | "s" => {
                open.parts = true;
                &[][..]
            }
            "w" | "token" => &["role"],
            "lang" => &["onlangfailure"],
            "break" | "mark" => self.place(name, attributes)?,
            "voice" | "prosody" | "emphasis" | "strong" | "laughter" => {
                manner(name, attributes, open)?
            }
            "sub" | "say-as" => self.reading(name, attributes, open)?,
            _ => {
                if matches!(name, "desc" | "metadata" | "meta" | "lexicon") {
                    open.content = Content::Left;
                }
                self.unsupported(open.name.clone());
                return Ok(());
            }
        };
        for (key, _) in &attributes.0 {
            let standard = key.starts_with("xml") || key.contains(':');
            if !standard && !known.contains(&key.as_str()) {
                self.unsupported(format!("{name} {key}"));
            }
        }
        Ok(())
    }

    /// Handles `break` and `mark`; returns the attributes that they know.
    fn place(&mut self, name: &str, attributes: &Attributes) -> Outcome<&'static [&'static str]> {
        if name == "mark" {
            let mark = attributes
                .get("name")
                .ok_or("`<mark>` wants a name; write `<mark name=\"...\"/>`")?;
            self.push(Segment::Mark(mark.into()))?;
            return Ok(&["name"]);
        }
        let pause = match (attributes.get("time"), attributes.get("strength")) {
            (Some(value), _) => time(value)?,
            (None, value) => strength(value.unwrap_or("medium"))?,
        };
        self.push(Segment::Break(pause))?;
        Ok(&["time", "strength"])
    }

    /// Handles `sub` and `say-as`; returns the attributes that they know.
    fn reading(
        &mut self,
        name: &str,
        attributes: &Attributes,
        open: &mut Open,
    ) -> Outcome<&'static [&'static str]> {
        if name == "sub" {
            let alias = attributes
                .get("alias")
                .ok_or("`<sub>` wants what is said; write `<sub alias=\"...\">`")?;
            self.text(alias)?;
            open.content = Content::Left;
            return Ok(&["alias"]);
        }
        let named = attributes
            .get("interpret-as")
            .ok_or("`<say-as>` wants `interpret-as`, for example \"digits\"")?;
        let kind = SayAs::from_name(named.trim());
        if kind.is_none() {
            self.unsupported(format!("say-as interpret-as=\"{named}\""));
        }
        // Inside another one the outer goes on collecting.
        if !matches!(open.content, Content::SayAs(..)) {
            self.said.clear();
            open.content = Content::SayAs(kind, attributes.get("format").map(Arc::from));
        }
        Ok(&["interpret-as", "format", "detail"])
    }

    fn language_of(&mut self, tag: &str) -> Option<Language> {
        let language = Language::from_tag(tag.trim());
        if language.is_none() {
            self.unsupported(format!("xml:lang=\"{tag}\""));
        }
        language
    }

    fn end(&mut self) -> Outcome {
        if let Some(control) = self.open.last().and_then(|open| open.control) {
            self.append(&format!("</{control}>"))?;
        }
        let Some(closed) = self.open.pop() else {
            return Ok(());
        };
        let outer = self.open.last().map(|outer| &outer.content);
        match closed.content {
            // The outermost of nested ones reads.
            Content::SayAs(kind, format) if !matches!(outer, Some(Content::SayAs(..))) => {
                let said = std::mem::take(&mut self.said);
                let language = closed.language.unwrap_or(self.language);
                let read = match kind {
                    Some(kind) => say_as(kind, format.as_deref(), &said, language),
                    None => said.clone(),
                };
                self.text(&read)?;
                if kind == Some(SayAs::Ordinal) && language == Language::Russian {
                    self.note_ordinal(&said, &read);
                }
            }
            _ => {}
        }
        if closed.parts {
            self.part();
        }
        self.finished |= self.open.is_empty();
        Ok(())
    }

    /// Notes the ordinal of the number in `written`, which was added as `read`.
    fn note_ordinal(&mut self, written: &str, read: &str) {
        // A longer one is read as any other text.
        let number = written.trim().parse::<u64>().ok();
        let Some(number) = number.filter(|number| *number < 1_000_000_000) else {
            return;
        };
        let segment = self.document.segments.len().wrapping_sub(1);
        if let Some(Segment::Text(last)) = self.document.segments.last()
            && last.text.ends_with(read)
        {
            let place = last.text.len() - read.len()..last.text.len();
            self.ordinals.push(Ordinal {
                number,
                segment,
                place,
            });
        }
    }

    fn text(&mut self, text: &str) -> Outcome {
        match self.open.last().map(|open| &open.content) {
            None if text.chars().all(|c| c.is_whitespace() || c == '\u{feff}') => Ok(()),
            None => Err("text stands outside of `<speak>...</speak>`".to_owned()),
            Some(Content::Left) => Ok(()),
            Some(Content::SayAs(..)) if self.said.len() + text.len() > LONGEST_SAY_AS => {
                Err(format!(
                    "the text of one `<say-as>` has more than {LONGEST_SAY_AS} bytes; it is for a number, a date or a code"
                ))
            }
            Some(Content::SayAs(..)) => {
                self.said.push_str(text);
                Ok(())
            }
            Some(Content::Speech) => self.append(text),
        }
    }

    /// Adds `text`, with single blanks, to the last segment where it is spoken likewise.
    fn append(&mut self, text: &str) -> Outcome {
        let Some(open) = self.open.last() else {
            return Ok(());
        };
        if matches!(open.content, Content::SayAs(..) | Content::Left) {
            return Ok(());
        }
        let (voice, language, rate) = (open.voice.clone(), open.language, open.rate);
        let goes_on = matches!(
            self.document.segments.last(),
            Some(Segment::Text(last)) if last.voice == voice && last.language == language && last.rate == rate
        );
        if !goes_on {
            if text.trim().is_empty() {
                return Ok(());
            }
            self.push(Segment::Text(Text {
                text: String::new(),
                voice,
                language,
                rate,
            }))?;
        }
        if let Some(Segment::Text(last)) = self.document.segments.last_mut() {
            push_tidy(&mut last.text, text);
        }
        Ok(())
    }

    /// A sentence ends here, if one has begun.
    fn part(&mut self) {
        if let Some(Segment::Text(last)) = self.document.segments.last_mut() {
            last.text.truncate(last.text.trim_end().len());
            if !last.text.is_empty() {
                last.text.push_str("\n\n");
            }
        }
    }

    fn push(&mut self, segment: Segment) -> Outcome {
        if self.document.segments.len() == MOST_SEGMENTS {
            return Err(format!(
                "more than {MOST_SEGMENTS} texts, breaks and marks; send the document in parts"
            ));
        }
        self.document.segments.push(segment);
        Ok(())
    }

    fn unsupported(&mut self, name: String) {
        let names = &mut self.document.unsupported;
        let name = shortened(&name);
        if names.len() < MOST_NAMES && !names.contains(&name) {
            names.push(name);
        }
    }
}

/// Puts `ordinals` into the form that the text around them asks for.
fn inflect(segments: &mut [Segment], ordinals: &[Ordinal]) {
    /// As much text before and after an ordinal is looked at, in bytes.
    const NEAR: usize = 200;
    for of_segment in ordinals.chunk_by(|one, next| one.segment == next.segment) {
        let Some(Segment::Text(text)) = segments.get_mut(of_segment[0].segment) else {
            continue;
        };
        let old = std::mem::take(&mut text.text);
        let mut end = 0;
        for Ordinal { number, place, .. } in of_segment {
            let before =
                &old[old.ceil_char_boundary(place.start.saturating_sub(NEAR))..place.start];
            let after = &old[place.end..old.floor_char_boundary(place.end + NEAR)];
            text.text.push_str(&old[end..place.start]);
            text.text.push_str(&russian_ordinal(*number, before, after));
            end = place.end;
        }
        text.text.push_str(&old[end..]);
    }
}

/// Handles elements that change the manner of speech; returns the attributes that they know.
fn manner(
    name: &str,
    attributes: &Attributes,
    open: &mut Open,
) -> Outcome<&'static [&'static str]> {
    Ok(match name {
        "voice" => {
            if let Some(voice) = attributes.get("name") {
                open.voice = Some(voice.trim().into());
            }
            &["name", "required", "ordering", "onvoicefailure"]
        }
        "prosody" => {
            if let Some(wanted) = attributes.get("rate") {
                open.rate = rate(wanted, open.rate)?;
            }
            &["rate"]
        }
        "laughter" => {
            open.control = Some("laughter");
            &[]
        }
        _ => {
            let plain = matches!(attributes.get("level"), Some("none" | "reduced"));
            open.control = (!plain).then_some("strong");
            &["level"]
        }
    })
}

/// Names and values of an element's attributes.
struct Attributes(Vec<(String, String)>);

impl Attributes {
    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The attributes of `element` with their references resolved.
fn attributes(element: &BytesStart) -> Outcome<Attributes> {
    if element.attributes_raw().len() > LONGEST_ATTRIBUTES {
        return Err(format!(
            "the attributes of one element have more than {LONGEST_ATTRIBUTES} bytes"
        ));
    }
    element
        .attributes()
        .enumerate()
        .map(|(count, attribute)| {
            if count == MOST_ATTRIBUTES {
                return Err(format!(
                    "one element has more than {MOST_ATTRIBUTES} attributes"
                ));
            }
            let attribute = attribute.map_err(|error| format!("not well formed: {error}"))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| {
                    format!(
                        "the value of `{}`: {error}",
                        shortened(attribute.key.as_ref())
                    )
                })?;
            Ok((attribute.key.as_ref().to_owned(), value.into_owned()))
        })
        .collect::<Outcome<_>>()
        .map(Attributes)
}

/// The character of a numeric reference or of one of XML's five entities.
fn character(reference: &BytesRef) -> Outcome<char> {
    let name = reference.xml10_content();
    let numeric = reference
        .resolve_char_ref()
        .map_err(|error| format!("`&{};` is no character: {error}", shortened(&name)))?;
    Ok(match (numeric, name.as_ref()) {
        (Some('\t' | '\n' | '\r'), _) => ' ',
        (Some(c), _) if !c.is_control() => c,
        (None, "amp") => '&',
        (None, "lt") => '<',
        (None, "gt") => '>',
        (None, "quot") => '"',
        (None, "apos") => '\'',
        _ => {
            let name = shortened(&name);
            return Err(format!(
                "`&{name};` is not known; only &amp; &lt; &gt; &quot; &apos; and numeric ones are, so write the character itself"
            ));
        }
    })
}

/// `name`, shortened for a message.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

/// Adds `text` to `out` with single blanks, none at the start and none after a border of sentences.
fn push_tidy(out: &mut String, text: &str) {
    for c in text.chars() {
        if !c.is_whitespace() && !c.is_control() {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with(char::is_whitespace) {
            out.push(' ');
        }
    }
}

/// Makes each text whole for itself: without `<|`, which would make markup of it, with controls that close where they
/// open, and drops those without any sound. One inside another of its kind means nothing and goes.
fn balance(segments: &mut Vec<Segment>) {
    let mut open = OpenControls::default();
    for segment in segments.iter_mut() {
        let Segment::Text(text) = segment else {
            continue;
        };
        let mut whole = String::with_capacity(text.text.len());
        open.tags(&mut whole, "");
        open.copy(&text.text, &mut whole);
        whole.truncate(whole.trim_end().len());
        open.tags(&mut whole, "/");
        text.text = whole;
    }
    segments.retain(|segment| match segment {
        Segment::Text(text) => !without_controls(&text.text).trim().is_empty(),
        _ => true,
    });
}

/// Controls in pairs.
const PAIRS: [&str; 2] = ["strong", "laughter"];

/// The controls that are open, and for each whether it stands in the text: one in another of its kind does not.
#[derive(Default)]
struct OpenControls(Vec<(&'static str, bool)>);

impl OpenControls {
    /// Adds the tags of those that stand in the text: those that open them, or with the `slash` those that close them.
    fn tags(&self, out: &mut String, slash: &str) {
        let mut names: Vec<&str> = self
            .0
            .iter()
            .filter_map(|(name, stands)| stands.then_some(*name))
            .collect();
        if !slash.is_empty() {
            names.reverse();
        }
        for name in names {
            out.push_str(&format!("<{slash}{name}>"));
        }
    }

    /// Adds `text`, with those controls only that stand in it.
    fn copy(&mut self, text: &str, out: &mut String) {
        let mut rest = text.trim();
        while let Some(at) = rest.find('<') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let (tag, stands) = self.follow(rest);
            let length = tag.max(1);
            match &rest[..length] {
                "<" if rest.starts_with("<|") => {
                    out.push(' ');
                    rest = &rest[2..];
                    continue;
                }
                tag if stands => out.push_str(tag),
                _ => {}
            }
            rest = &rest[length..];
        }
        out.push_str(rest);
    }

    /// Follows the tag that `text` begins with: its length, 0 for none, and whether it stands in the text.
    fn follow(&mut self, text: &str) -> (usize, bool) {
        for name in PAIRS {
            let after = |head: &str| {
                text.strip_prefix(head)?
                    .strip_prefix(name)?
                    .strip_prefix('>')
            };
            if let Some(after) = after("<") {
                let stands = !self.0.iter().any(|(open, _)| *open == name);
                // Nested deeper than elements can be they mean nothing more.
                if self.0.len() < DEEPEST {
                    self.0.push((name, stands));
                }
                return (text.len() - after.len(), stands);
            }
            if let Some(after) = after("</") {
                let closed = self.0.pop_if(|(open, _)| *open == name);
                let stands = closed.is_none_or(|(_, stands)| stands);
                return (text.len() - after.len(), stands);
            }
        }
        (0, true)
    }
}

fn without_controls(text: &str) -> String {
    PAIRS.iter().fold(text.to_owned(), |text, name| {
        text.replace(&format!("<{name}>"), "")
            .replace(&format!("</{name}>"), "")
    })
}
