//! The form by which a voice is added: `multipart/form-data` with a recording.

use std::{fs::File, io};

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, Request, StatusCode, header},
};
use multer::{Constraints, Field, Multipart, SizeLimit};
use tokio::io::AsyncWriteExt;

use super::refusal::{Refusal, wrong};

/// Longest field that is no recording, in bytes: half a minute of speech has less than a thousand characters.
const MAX_FIELD: usize = 16 << 10;
/// Bytes of a body around its recording.
const AROUND: u64 = 256 << 10;

/// A form, with values that can be used. Fields of other servers are ignored, since clients send some.
#[derive(Debug)]
pub struct Form {
    pub name: String,
    /// A file without a name, which is gone with its last descriptor.
    pub recording: File,
    /// Words of the recording.
    pub text: Option<String>,
    pub language: Option<String>,
    /// The client's words on the consent of the speaker.
    pub consent: Option<String>,
    pub trim: bool,
    pub overwrite: bool,
}

/// The fields as they come.
#[derive(Default)]
struct Fields {
    name: Option<String>,
    recording: Option<File>,
    text: Option<String>,
    language: Option<String>,
    consent: Option<String>,
    trim: Option<String>,
    overwrite: Option<String>,
}

/// Reads the form of a request, with a recording of at most `most` bytes.
///
/// # Errors
/// It is none, a field is missing, twice there or has no possible value, or it is too long.
pub async fn read(request: Request<Body>, most: u64) -> Result<Form, Refusal> {
    let boundary = boundary(request.headers())?;
    check_length(request.headers(), most)?;
    let limits = SizeLimit::new().whole_stream(most + AROUND);
    let body: BodyDataStream = request.into_body().into_data_stream();
    let constraints = Constraints::new().size_limit(limits);
    let mut form = Multipart::with_constraints(body, boundary, constraints);
    let mut fields = Fields::default();
    while let Some(field) = form.next_field().await.map_err(|e| broken(&e, most))? {
        fields.take(field, most).await?;
    }
    fields.check()
}

/// The boundary between the parts of a body.
fn boundary(headers: &HeaderMap) -> Result<String, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match multer::parse_boundary(kind) {
        Ok(boundary) if !headers.contains_key(header::CONTENT_ENCODING) => Ok(boundary),
        _ => {
            let words = "the body is multipart/form-data with the fields name, file (the recording), and at will text, \
                         language, consent, trim and overwrite";
            Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words)
                .code("unsupported_media_type"))
        }
    }
}

/// Refuses a body before it comes where its length is known and too much.
fn check_length(headers: &HeaderMap, most: u64) -> Result<(), Refusal> {
    match headers.get(header::CONTENT_LENGTH) {
        None if !headers.contains_key(header::TRANSFER_ENCODING) => {
            let words = "the body has no length: send Content-Length, or chunks";
            Err(Refusal::new(StatusCode::LENGTH_REQUIRED, words).code("length_missing"))
        }
        None => Ok(()),
        Some(length) => {
            let length = length.to_str().ok().and_then(|length| length.parse().ok());
            match length.is_some_and(|length: u64| length <= most + AROUND) {
                true => Ok(()),
                false => Err(too_long(most)),
            }
        }
    }
}

fn too_long(most: u64) -> Refusal {
    let words = format!(
        "the recording is longer than {} MiB (--max-recording): some 4 to 10 s of speech are enough",
        most >> 20
    );
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, words)
        .param("file")
        .code("recording_too_large")
}

/// The refusal of a body that cannot be read.
fn broken(error: &multer::Error, most: u64) -> Refusal {
    match error {
        multer::Error::StreamSizeExceeded { .. } => too_long(most),
        _ => {
            wrong(format!("the body is no whole multipart/form-data: {error}")).code("invalid_form")
        }
    }
}

impl Fields {
    async fn take(&mut self, field: Field<'_>, most: u64) -> Result<(), Refusal> {
        let name = field.name().unwrap_or_default().to_string();
        let slot = match name.as_str() {
            "file" | "audio_sample" => {
                let known = self.recording.replace(recording(field, most).await?);
                return once(known.is_some(), &name);
            }
            "name" => &mut self.name,
            "text" | "ref_text" => &mut self.text,
            "language" => &mut self.language,
            "consent" => &mut self.consent,
            "trim" => &mut self.trim,
            "overwrite" => &mut self.overwrite,
            _ => return words(field, &name, most).await.map(|_| ()),
        };
        let known = slot.replace(words(field, &name, most).await?);
        once(known.is_some(), &name)
    }

    fn check(self) -> Result<Form, Refusal> {
        let given = |value: Option<String>| {
            let value = value.map(|value| value.trim().to_string());
            value.filter(|value| !value.is_empty())
        };
        let consent = given(self.consent);
        if consent.as_deref().and_then(truth) == Some(false) {
            let words = "a voice is cloned only with the consent of the person it belongs to";
            return Err(wrong(words).param("consent").code("no_consent"));
        }
        Ok(Form {
            name: given(self.name).ok_or_else(|| missing("name"))?,
            recording: self.recording.ok_or_else(|| missing("file"))?,
            text: given(self.text),
            language: given(self.language)
                .filter(|language| language != "auto")
                .map(checked_language)
                .transpose()?,
            consent,
            trim: flag("trim", given(self.trim))?,
            overwrite: flag("overwrite", given(self.overwrite))?,
        })
    }
}

fn once(known: bool, name: &str) -> Result<(), Refusal> {
    match known {
        true => Err(wrong(format!("the field {name:?} comes twice")).param(name)),
        false => Ok(()),
    }
}

fn missing(field: &str) -> Refusal {
    let words = match field {
        "file" => "the field \"file\" with the recording is missing".into(),
        _ => format!("the field {field:?} is missing"),
    };
    wrong(words).param(field).code("missing_field")
}

fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn flag(name: &str, value: Option<String>) -> Result<bool, Refusal> {
    let Some(value) = value else { return Ok(false) };
    truth(&value).ok_or_else(|| {
        wrong(format!("{name} must be true or false, not {value:?}"))
            .param(name)
            .code("invalid_value")
    })
}

/// A tag of a language, of BCP 47's form.
fn checked_language(tag: String) -> Result<String, Refusal> {
    let plain = tag.len() <= 35
        && tag.split('-').all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric())
        });
    match plain {
        true => Ok(tag),
        false => Err(wrong(format!(
            "language must be a tag such as ru, en or zh, not {tag:?}"
        ))
        .param("language")
        .code("invalid_value")),
    }
}

/// The words of a field.
async fn words(mut field: Field<'_>, name: &str, most: u64) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|e| broken(&e, most))? {
        if bytes.len() + chunk.len() > MAX_FIELD {
            let words = format!("the field {name:?} is longer than {} KiB", MAX_FIELD >> 10);
            let refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, words);
            return Err(refusal.param(name).code("field_too_long"));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes)
        .map_err(|_| wrong(format!("the field {name:?} is not UTF-8")).param(name))
}

/// The recording in a field, in a file that nobody else can open and that a process which is killed leaves nowhere.
async fn recording(mut field: Field<'_>, most: u64) -> Result<File, Refusal> {
    let file = tempfile::tempfile().map_err(|e| unwritten(&e))?;
    let mut file = tokio::fs::File::from_std(file);
    let mut length = 0;
    while let Some(chunk) = field.chunk().await.map_err(|e| broken(&e, most))? {
        length += chunk.len() as u64;
        if length > most {
            return Err(too_long(most));
        }
        file.write_all(&chunk).await.map_err(|e| unwritten(&e))?;
    }
    file.flush().await.map_err(|e| unwritten(&e))?;
    if length == 0 {
        let words = "the recording is empty: send a sound file in the field \"file\"";
        return Err(wrong(words).param("file").code("recording_empty"));
    }
    Ok(file.into_std().await)
}

fn unwritten(error: &io::Error) -> Refusal {
    crate::log::log!("warning: a recording cannot be kept for a moment: {error}");
    let words = format!("the server cannot keep the recording for a moment: {error}");
    Refusal::new(StatusCode::INSUFFICIENT_STORAGE, words).code("no_space")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    const MOST: u64 = 1 << 20;

    /// Name and content of a field.
    type Part<'a> = (&'a str, &'a [u8]);

    /// The form of a body with parts of these names and contents.
    fn form(parts: &[Part]) -> Result<Form, Refusal> {
        let mut body = Vec::new();
        for (name, content) in parts {
            let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--x--\r\n");
        of_body(body, "multipart/form-data; boundary=x")
    }

    fn of_body(body: Vec<u8>, kind: &str) -> Result<Form, Refusal> {
        let request = Request::builder()
            .header(header::CONTENT_TYPE, kind)
            .header(header::CONTENT_LENGTH, body.len())
            .body(Body::from(body))
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(read(request, MOST))
    }

    #[test]
    fn the_names_that_clients_use_mean_the_same() {
        for (file, text) in [("file", "text"), ("audio_sample", "ref_text")] {
            let form = form(&[
                ("model", b"tts-1"),
                (text, "Да.\r\nНет.".as_bytes()),
                (file, b"RIFF\r\n--y\0"),
                ("name", b" anna "),
                ("overwrite", b"True"),
                ("language", b"auto"),
            ])
            .unwrap();
            assert_eq!(
                (form.name.as_str(), form.text.as_deref()),
                ("anna", Some("Да.\r\nНет."))
            );
            assert_eq!(
                (form.overwrite, form.trim, form.language),
                (true, false, None)
            );
            let mut bytes = Vec::new();
            let mut file = form.recording;
            file.rewind().unwrap();
            file.read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, b"RIFF\r\n--y\0");
        }
    }

    #[test]
    fn a_wrong_form_is_one_refusal_that_names_the_field() {
        let name: Part = ("name", b"anna");
        let file: Part = ("file", b"RIFF");
        let long = vec![b'x'; MAX_FIELD + 1];
        let large = vec![0; MOST as usize + 1];
        let cases: [(&[Part], u16, &str); 10] = [
            (&[file], 400, "name"),
            (&[("name", b" "), file], 400, "name"),
            (&[name], 400, "file"),
            (&[name, ("file", b"")], 400, "file"),
            (
                &[name, file, ("audio_sample", b"RIFF")],
                400,
                "audio_sample",
            ),
            (&[name, name, file], 400, "name"),
            (&[name, file, ("text", &long)], 413, "text"),
            (&[name, ("file", &large)], 413, "file"),
            (&[name, file, ("trim", b"perhaps")], 400, "trim"),
            (&[name, file, ("consent", b"no")], 400, "consent"),
        ];
        for (parts, status, param) in cases {
            let refusal = form(parts).unwrap_err();
            assert_eq!(
                (refusal.status.as_u16(), refusal.param.as_deref()),
                (status, Some(param)),
                "{}",
                refusal.message
            );
        }
        for tag in [
            "ru_RU; x",
            "-",
            "a-very-long-tag-that-no-language-has-at-all",
        ] {
            assert!(
                form(&[name, file, ("language", tag.as_bytes())]).is_err(),
                "{tag}"
            );
        }
    }

    #[test]
    fn what_is_no_form_or_not_all_of_one_is_refused() {
        for kind in ["application/json", "audio/wav", "multipart/form-data", ""] {
            let refusal = of_body(b"x".to_vec(), kind).unwrap_err();
            assert_eq!(refusal.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
        }
        let part = b"--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nRIFF";
        let refusal = of_body(part.to_vec(), "multipart/form-data; boundary=x").unwrap_err();
        assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
    }
}
