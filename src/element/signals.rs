//! Action signals: what applications ask for while the element runs.

use std::sync::LazyLock;

use gst::{
    glib::{self, subclass::Signal},
    prelude::*,
    subclass::prelude::*,
};

use super::{
    guard::guarded,
    gvalue,
    object::CosyVoice3Src,
    queue::{Interrupt, Item},
    settings::{SEED, SPEED, Settings},
};
use cosyvoice3::{Error, ErrorKind};

pub(super) static SIGNALS: LazyLock<Vec<Signal>> = LazyLock::new(|| {
    vec![
        Signal::builder("say")
            .param_types([glib::Type::STRING])
            .return_type::<u64>()
            .action()
            .class_handler(|values| answer(values, 0_u64, |this| say(this, &values[1])))
            .build(),
        Signal::builder("say-full")
            .param_types([gst::Structure::static_type()])
            .return_type::<u64>()
            .action()
            .class_handler(|values| answer(values, 0_u64, |this| say_full(this, &values[1])))
            .build(),
        Signal::builder("cancel")
            .param_types([glib::Type::U64])
            .return_type::<bool>()
            .action()
            .class_handler(|values| {
                let id: u64 = values[1].get().expect("GObject checks the type");
                answer(values, false, |this| this.cancel(|other| other == id) > 0)
            })
            .build(),
        Signal::builder("cancel-all")
            .return_type::<u32>()
            .action()
            .class_handler(|values| answer(values, 0_u32, |this| this.cancel(|_| true) as u32))
            .build(),
        Signal::builder("end-of-stream")
            .action()
            .class_handler(|values| {
                let element = element(values);
                let this = element.imp();
                guarded(this, "a signal", (), || end_of_stream(this));
                None
            })
            .build(),
    ]
});

/// Return value of a signal; `fallback` after a panic.
fn answer<R: ToValue>(
    values: &[glib::Value],
    fallback: R,
    ask: impl FnOnce(&CosyVoice3Src) -> R,
) -> Option<glib::Value> {
    let element = element(values);
    let this = element.imp();
    Some(guarded(this, "a signal", fallback, || ask(this)).to_value())
}

fn element(values: &[glib::Value]) -> super::CosyVoice3Src {
    values[0].get().expect("the signal belongs to this type")
}

fn end_of_stream(this: &CosyVoice3Src) {
    {
        let mut state = this.state();
        if !state.queue.ends() && !state.stream.ended {
            state.queue.push(Item::End(None));
        }
    }
    this.notify.signal();
}

fn say(this: &CosyVoice3Src, text: &glib::Value) -> u64 {
    let settings = this.settings().clone();
    match gvalue::string_lossy(text) {
        Some((text, replaced)) => {
            if replaced {
                this.warn_replaced("the text of say");
            }
            this.say(text, &settings, 0, Interrupt::None)
        }
        None => refuse(this, &wrong("say", "text", "NULL", "a string")),
    }
}

fn say_full(this: &CosyVoice3Src, values: &glib::Value) -> u64 {
    let structure = match values.get::<Option<gst::Structure>>() {
        Ok(Some(structure)) => structure,
        _ => return refuse(this, &wrong("say-full", "text", "NULL", "a string")),
    };
    let mut fields = Fields {
        structure: &structure,
        replaced: false,
    };
    let said = fields.read(this.settings().clone());
    if fields.replaced {
        this.warn_replaced("a field of say-full");
    }
    match said {
        Ok((text, settings, priority, interrupt)) => this.say(text, &settings, priority, interrupt),
        Err(error) => refuse(this, &error),
    }
}

fn refuse(this: &CosyVoice3Src, error: &Error) -> u64 {
    this.post_warning(error);
    0
}

/// A field that cannot be what it is.
fn wrong(signal: &str, field: &str, value: &str, allowed: &str) -> Error {
    Error::new(
        ErrorKind::Settings,
        format!("{signal}: the field \"{field}\" is {value}, but must be {allowed}"),
    )
}

/// Fields of `say-full`.
const FIELDS: [&str; 9] = [
    "text",
    "voice",
    "instruct",
    "language",
    "markup",
    "speed",
    "seed",
    "priority",
    "interrupt",
];

/// The structure that `say-full` was given.
struct Fields<'a> {
    structure: &'a gst::StructureRef,
    /// Some string was not UTF-8.
    replaced: bool,
}

impl Fields<'_> {
    /// Text, settings, priority and interruption; what is left out is `settings`' or the usual.
    fn read(
        &mut self,
        mut settings: Settings,
    ) -> Result<(String, Settings, i32, Interrupt), Error> {
        let unknown = |field: &&glib::GStr| !FIELDS.contains(&field.as_str());
        if let Some(field) = self.structure.fields().find(unknown) {
            return Err(Error::new(
                ErrorKind::Settings,
                format!(
                    "say-full: there is no field \"{field}\"; the fields are {}",
                    FIELDS.join(", ")
                ),
            ));
        }
        let text = self.string("text")?;
        let text = text.ok_or_else(|| wrong("say-full", "text", "missing", "a string"))?;
        settings.voice = self.string("voice")?.or(settings.voice);
        settings.instruct = self.string("instruct")?.or(settings.instruct);
        if let Some(language) = self.choice("language")? {
            settings.language = language;
        }
        if let Some(markup) = self.choice("markup")? {
            settings.markup = markup;
        }
        if let Some(speed) = self.number("speed", double, SPEED)? {
            settings.speed = speed;
        }
        if let Some(seed) = self.number("seed", integer, SEED)? {
            settings.seed = seed;
        }
        let priorities = (i32::MIN.into(), i32::MAX.into());
        let priority = self.number("priority", integer, priorities)?.unwrap_or(0) as i32;
        let interrupt = self.choice("interrupt")?.unwrap_or(Interrupt::None);
        Ok((text, settings, priority, interrupt))
    }

    /// A value of an enumeration, or its nick.
    fn choice<E>(&self, field: &str) -> Result<Option<E>, Error>
    where
        E: StaticType + for<'v> glib::value::FromValue<'v>,
    {
        let Ok(value) = self.structure.value(field) else {
            return Ok(None);
        };
        let class = glib::EnumClass::with_type(E::static_type()).expect("an enumeration");
        let named = || {
            let (nick, _) = gvalue::string_lossy(value)?;
            class.to_value_by_nick(&nick)
        };
        let of_type = (value.type_() == E::static_type()).then(|| glib::Value::clone(value));
        match of_type.or_else(named) {
            Some(value) => Ok(value.get::<E>().ok()),
            None => {
                let nicks: Vec<_> = class
                    .values()
                    .iter()
                    .map(|value| format!("\"{}\"", value.nick()))
                    .collect();
                Err(self.wrong(field, value, &format!("one of {}", nicks.join(", "))))
            }
        }
    }

    fn string(&mut self, field: &str) -> Result<Option<String>, Error> {
        let Ok(value) = self.structure.value(field) else {
            return Ok(None);
        };
        let (text, lossy) =
            gvalue::string_lossy(value).ok_or_else(|| self.wrong(field, value, "a string"))?;
        self.replaced |= lossy;
        Ok(Some(text))
    }

    /// A number in a range, both ends included.
    fn number<N: PartialOrd + std::fmt::Display>(
        &self,
        field: &str,
        read: fn(&glib::Value) -> Option<N>,
        (least, most): (N, N),
    ) -> Result<Option<N>, Error> {
        let Ok(value) = self.structure.value(field) else {
            return Ok(None);
        };
        match read(value) {
            Some(number) if number >= least && number <= most => Ok(Some(number)),
            _ => Err(self.wrong(field, value, &format!("a number from {least} to {most}"))),
        }
    }

    fn wrong(&self, field: &str, value: &glib::SendValue, allowed: &str) -> Error {
        let shown = value.serialize();
        let shown = shown.map_or_else(|_| value.type_().to_string(), |text| text.to_string());
        wrong("say-full", field, &shown, allowed)
    }
}

/// A number of any type, as far as it is whole.
fn integer(value: &glib::Value) -> Option<i64> {
    if let Ok(number) = value.get::<u64>() {
        return number.try_into().ok();
    }
    value
        .get::<i64>()
        .or_else(|_| value.get::<i32>().map(i64::from))
        .or_else(|_| value.get::<u32>().map(i64::from))
        .ok()
}

/// A number of any type.
fn double(value: &glib::Value) -> Option<f64> {
    value
        .get::<f64>()
        .or_else(|_| value.get::<f32>().map(f64::from))
        .ok()
        .or_else(|| integer(value).map(|number| number as f64))
}
