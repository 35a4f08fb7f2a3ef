//! docs/element.md says of the element what the element says of itself.
//!
//! `COSYVOICE3_WRITE_DOCS=1 cargo test --release --test element_docs` writes the page anew.
#![allow(missing_docs)]

use test_support::playing;

use std::{fmt::Write, fs, path::Path};

use gst::{glib, prelude::*};

const HEAD: &str = "\
# The element `cosyvoice3src`

Made from the element itself by `tests/element_docs.rs`; `gst-inspect-1.0 cosyvoice3src` shows the same. How it behaves
(timestamps, announcements, messages, text from upstream) is in the documentation of
[`src/element/mod.rs`](../src/element/mod.rs).

";

const SIGNALS: [&str; 5] = ["say", "say-full", "cancel", "cancel-all", "end-of-stream"];

fn page() -> String {
    let element = gst::ElementFactory::make("cosyvoice3src")
        .build()
        .expect("the element is registered");
    let mut page = String::from(HEAD);
    page += "## Pads\n\n";
    for template in element.pad_template_list() {
        let presence = match template.presence() {
            gst::PadPresence::Always => "always",
            gst::PadPresence::Sometimes => "sometimes",
            _ => "on request",
        };
        writeln!(
            page,
            "- `{}` ({presence}): `{}`",
            template.name_template(),
            template.caps()
        )
        .unwrap();
    }
    page +=
        "\n## Properties\n\n| property | type | default | can be set | |\n|---|---|---|---|---|\n";
    let mut own: Vec<_> = element
        .list_properties()
        .iter()
        .filter(|pspec| pspec.owner_type() == element.type_())
        .cloned()
        .collect();
    own.sort_by_key(|pspec| pspec.name().to_owned());
    for pspec in own {
        writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            pspec.name(),
            kind(&pspec),
            default(&pspec),
            when(&pspec),
            pspec.blurb().unwrap_or_default().replace('|', "\\|")
        )
        .unwrap();
    }
    page += "\n## Signals\n\n| signal | arguments | returns |\n|---|---|---|\n";
    for name in SIGNALS {
        let id = glib::subclass::SignalId::lookup(name, element.type_()).expect(name);
        let query = id.query();
        let arguments: Vec<_> = query
            .param_types()
            .iter()
            .map(|argument| format!("`{}`", argument.type_().name()))
            .collect();
        writeln!(
            page,
            "| `{}` | {} | `{}` |",
            query.signal_name(),
            arguments.join(", "),
            query.return_type().type_().name()
        )
        .unwrap();
    }
    page
}

/// Type and range, in the words of `gst-inspect-1.0` where it has any.
fn kind(pspec: &glib::ParamSpec) -> String {
    fn range<T: std::fmt::Display>(name: &str, least: T, most: T) -> String {
        format!("{name}, {least} to {most}")
    }
    if let Some(p) = pspec.downcast_ref::<glib::ParamSpecInt64>() {
        range("integer", p.minimum(), p.maximum())
    } else if let Some(p) = pspec.downcast_ref::<glib::ParamSpecInt>() {
        range("integer", p.minimum(), p.maximum())
    } else if let Some(p) = pspec.downcast_ref::<glib::ParamSpecUInt>() {
        range("integer", p.minimum(), p.maximum())
    } else if let Some(p) = pspec.downcast_ref::<glib::ParamSpecUInt64>() {
        range("integer", p.minimum(), p.maximum())
    } else if let Some(p) = pspec.downcast_ref::<glib::ParamSpecFloat>() {
        range("float", p.minimum(), p.maximum())
    } else if let Some(p) = pspec.downcast_ref::<glib::ParamSpecDouble>() {
        range("double", p.minimum(), p.maximum())
    } else if let Some(class) = glib::EnumClass::with_type(pspec.value_type()) {
        let nicks: Vec<_> = class
            .values()
            .iter()
            .map(|value| format!("`{}`", value.nick()))
            .collect();
        nicks.join(", ")
    } else {
        match pspec.value_type().name() {
            "gchararray" => "string".into(),
            "gboolean" => "boolean".into(),
            "GstStructure" => "structure".into(),
            "GstArray" | "GstValueArray" => "array of strings".into(),
            other => format!("`{other}`"),
        }
    }
}

fn default(pspec: &glib::ParamSpec) -> String {
    if !pspec.flags().contains(glib::ParamFlags::WRITABLE) {
        return String::new();
    }
    let value = pspec.default_value();
    if let Some((_, nick)) =
        glib::EnumValue::from_value(value).map(|(c, v)| (c, v.nick().to_owned()))
    {
        return format!("`{nick}`");
    }
    // Without a value they have no words for it.
    if [glib::Type::STRING, gst::Structure::static_type()].contains(&value.type_()) {
        return String::new();
    }
    match value
        .transform::<String>()
        .ok()
        .and_then(|text| text.get::<Option<String>>().ok()?)
    {
        Some(text) => text.to_lowercase(),
        None => String::new(),
    }
}

fn when(pspec: &glib::ParamSpec) -> &'static str {
    let flags = pspec.flags();
    if !flags.contains(glib::ParamFlags::WRITABLE) {
        "read-only"
    } else if flags.contains(gst::PARAM_FLAG_MUTABLE_PLAYING) {
        "at any time"
    } else if flags.contains(gst::PARAM_FLAG_MUTABLE_READY) {
        "up to READY"
    } else {
        "up to NULL"
    }
}

#[test]
fn the_page_of_the_element_is_up_to_date() {
    playing::init();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/element.md");
    let page = page();
    if std::env::var_os("COSYVOICE3_WRITE_DOCS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/element.md differs from the element: write it anew with COSYVOICE3_WRITE_DOCS=1, see this file's head"
    );
}
