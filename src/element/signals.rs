//! Action signals: what applications ask for while the element runs.

use std::sync::LazyLock;

use gst::{
    glib::{self, subclass::Signal},
    prelude::*,
    subclass::prelude::*,
};

use super::{
    agenda::{Interrupt, Item},
    gvalue,
    imp::CosyVoice3Src,
    logging::CAT,
    settings::Settings,
};
use cosyvoice3::{Error, ErrorKind};

pub(super) static SIGNALS: LazyLock<Vec<Signal>> = LazyLock::new(|| {
    vec![
        Signal::builder("say")
            .param_types([glib::Type::STRING])
            .return_type::<u64>()
            .action()
            .class_handler(|values| {
                let this = element(values);
                Some(say(this.imp(), &values[1]).to_value())
            })
            .build(),
        Signal::builder("say-full")
            .param_types([gst::Structure::static_type()])
            .return_type::<u64>()
            .action()
            .class_handler(|values| {
                let this = element(values);
                Some(say_full(this.imp(), &values[1]).to_value())
            })
            .build(),
        Signal::builder("cancel")
            .param_types([glib::Type::U64])
            .return_type::<bool>()
            .action()
            .class_handler(|values| {
                let id: u64 = values[1].get().expect("GObject checks the type");
                let cancelled = element(values).imp().cancel(|other| other == id);
                Some((cancelled > 0).to_value())
            })
            .build(),
        Signal::builder("cancel-all")
            .return_type::<u32>()
            .action()
            .class_handler(|values| {
                let cancelled = element(values).imp().cancel(|_| true);
                Some((cancelled as u32).to_value())
            })
            .build(),
        Signal::builder("end-of-stream")
            .action()
            .class_handler(|values| {
                let this = element(values);
                let this = this.imp();
                {
                    let mut state = this.state();
                    if !state.agenda.ends() && !state.stream.ended {
                        state.agenda.push(Item::End(None));
                    }
                }
                this.wake.wake();
                None
            })
            .build(),
    ]
});

fn element(values: &[glib::Value]) -> super::CosyVoice3Src {
    values[0].get().expect("the signal belongs to this type")
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
        None => 0,
    }
}

fn say_full(this: &CosyVoice3Src, values: &glib::Value) -> u64 {
    let structure = match values.get::<Option<gst::Structure>>() {
        Ok(Some(structure)) => structure,
        _ => return 0,
    };
    let mut replaced = false;
    let said = read(this.settings().clone(), &structure, &mut replaced);
    if replaced {
        this.warn_replaced("a field of say-full");
    }
    match said {
        Ok((text, settings, priority, interrupt)) => this.say(text, &settings, priority, interrupt),
        Err(error) => {
            gst::debug!(CAT, imp = this, "refused: {structure:?}");
            this.post_warning(&error);
            0
        }
    }
}

/// The fields of `say-full`.
fn read(
    mut settings: Settings,
    structure: &gst::StructureRef,
    replaced: &mut bool,
) -> Result<(String, Settings, i32, Interrupt), Error> {
    let wrong = |field: &str, wanted: &str| {
        Error::new(
            ErrorKind::Settings,
            format!("say-full: the field \"{field}\" has to be {wanted}"),
        )
    };
    let mut string = |field: &str| {
        structure
            .value(field)
            .ok()
            .map(|value| {
                gvalue::string_lossy(value)
                    .map(|(text, lossy)| {
                        *replaced |= lossy;
                        text
                    })
                    .ok_or_else(|| wrong(field, "a string"))
            })
            .transpose()
    };
    let text = string("text")?.ok_or_else(|| wrong("text", "there"))?;
    if let Some(voice) = string("voice")? {
        settings.voice = Some(voice);
    }
    if let Some(instruct) = string("instruct")? {
        settings.instruct = Some(instruct);
    }
    let priority = match structure.value("priority") {
        Ok(value) => value
            .get::<i32>()
            .map_err(|_| wrong("priority", "an int"))?,
        Err(_) => 0,
    };
    let interrupt = match structure.value("interrupt") {
        Ok(value) => interrupt(value)
            .ok_or_else(|| wrong("interrupt", "\"none\", \"sentence\" or \"now\""))?,
        Err(_) => Interrupt::None,
    };
    for field in structure.fields() {
        let known = ["text", "voice", "instruct", "priority", "interrupt"];
        if !known.contains(&field.as_str()) {
            return Err(wrong(field, "left out: there is no such setting"));
        }
    }
    Ok((text, settings, priority, interrupt))
}

/// An enum, or its nick.
fn interrupt(value: &glib::Value) -> Option<Interrupt> {
    if let Ok(interrupt) = value.get::<Interrupt>() {
        return Some(interrupt);
    }
    let (nick, _) = gvalue::string_lossy(value)?;
    let class = glib::EnumClass::new::<Interrupt>();
    class.to_value_by_nick(&nick)?.get().ok()
}
