//! The requests /say, /cancel and /cancel-all.

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{Request, StatusCode, Uri, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::post,
};

use super::content::{self, Fields, Refusal, wrong};
use crate::speech::Speech;

const INTERRUPTS: [&str; 3] = ["none", "sentence", "now"];

/// The routes.
pub fn router(speech: Speech) -> Router {
    let elsewhere = || async {
        refuse((
            StatusCode::NOT_FOUND,
            "there are /say, /cancel and /cancel-all".into(),
        ))
    };
    let other_method = || async { refuse((StatusCode::METHOD_NOT_ALLOWED, "POST it".into())) };
    Router::new()
        .route("/say", post(say))
        .route("/cancel", post(cancel))
        .route("/cancel-all", post(cancel_all))
        .method_not_allowed_fallback(other_method)
        .fallback(elsewhere)
        .layer(from_fn(no_web_page))
        .with_state(speech)
}

/// Refuses requests of web pages: browsers send the page's origin, and no page has business here.
async fn no_web_page(request: Request<Body>, next: Next) -> Response {
    match request.headers().contains_key(header::ORIGIN) {
        true => refuse((StatusCode::FORBIDDEN, "not from a web page".into())),
        false => next.run(request).await,
    }
}

async fn say(State(speech): State<Speech>, request: Request<Body>) -> Response {
    let content = match content::read(request).await {
        Ok(content) => content,
        Err(refusal) => return refuse(refusal),
    };
    let fields = match fields(&content.text, &content.fields, || speech.voices()) {
        Ok(fields) => fields,
        Err(refusal) => return refuse(refusal),
    };
    match speech.say_full(fields) {
        Some(id) => answer(StatusCode::ACCEPTED, &id.to_string()),
        None => refuse((
            StatusCode::SERVICE_UNAVAILABLE,
            "too many announcements wait".into(),
        )),
    }
}

async fn cancel(State(speech): State<Speech>, uri: Uri) -> Response {
    let id = content::query(&uri).and_then(|fields| match fields.as_slice() {
        [(name, id)] if name == "id" => {
            number(id).ok_or_else(|| wrong(format!("id is an announcement's number, not {id:?}")))
        }
        _ => Err(wrong("which one? POST /cancel?id=NUMBER")),
    });
    match id.map(|id| speech.cancel(id)) {
        Ok(true) => answer(StatusCode::ACCEPTED, "cancelled"),
        Ok(false) => refuse((
            StatusCode::NOT_FOUND,
            "no such announcement waits or is being said".into(),
        )),
        Err(refusal) => refuse(refusal),
    }
}

async fn cancel_all(State(speech): State<Speech>, uri: Uri) -> Response {
    match content::query(&uri).as_deref() {
        Ok([]) => answer(StatusCode::ACCEPTED, &speech.cancel_all().to_string()),
        Ok([(name, _), ..]) => refuse(wrong(format!("/cancel-all has no field {name:?}"))),
        Err((status, words)) => refuse((*status, words.clone())),
    }
}

/// The structure that the element's signal `say-full` takes.
fn fields(
    text: &str,
    fields: &Fields,
    voices: impl Fn() -> Vec<String>,
) -> Result<gst::Structure, Refusal> {
    let mut wanted = gst::Structure::builder("say")
        .field("text", text.replace('\0', " "))
        .build();
    for (name, value) in fields {
        match name.as_str() {
            "voice" => {
                let voices = voices();
                if !voices.contains(value) {
                    let list = voices.join(", ");
                    return Err(wrong(format!("there is no voice {value:?}, but {list}")));
                }
                wanted.set(name, value);
            }
            "instruct" => wanted.set(name, value.replace('\0', " ")),
            "interrupt" => {
                if !INTERRUPTS.contains(&value.as_str()) {
                    let list = INTERRUPTS.join(", ");
                    return Err(wrong(format!("interrupt is one of {list}, not {value:?}")));
                }
                wanted.set(name, value);
            }
            "priority" => {
                let priority = number::<i32>(value).ok_or_else(|| {
                    let (least, most) = (i32::MIN, i32::MAX);
                    wrong(format!(
                        "priority is a number from {least} to {most}, not {value:?}"
                    ))
                })?;
                wanted.set(name, priority);
            }
            _ => {
                return Err(wrong(format!(
                    "there is no field {name:?}, but voice, instruct, priority, interrupt"
                )));
            }
        }
    }
    Ok(wanted)
}

/// A number in digits, with at most a minus in front of it.
fn number<T: std::str::FromStr>(value: &str) -> Option<T> {
    let plain = !value.starts_with('+');
    plain.then(|| value.parse().ok()).flatten()
}

fn refuse((status, words): Refusal) -> Response {
    answer(status, &words)
}

fn answer(status: StatusCode, words: &str) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, format!("{words}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, value: &str) -> String {
        let voices = || vec!["anna".to_string(), "boris".to_string()];
        let given = vec![(name.to_string(), value.to_string())];
        match fields("Да.", &given, voices) {
            Ok(_) => String::new(),
            Err((status, words)) => {
                assert_eq!(status, StatusCode::BAD_REQUEST);
                words
            }
        }
    }

    #[test]
    fn a_wrong_field_is_refused_with_the_values_that_are_allowed() {
        gst::init().unwrap();
        for (name, value, part) in [
            ("voice", "nobody", "anna, boris"),
            ("voice", "", "anna, boris"),
            ("interrupt", "later", "none, sentence, now"),
            ("priority", "high", "a number from"),
            ("priority", "+5", "a number from"),
            ("priority", "9999999999", "to 2147483647"),
            ("volume", "3", "voice, instruct, priority, interrupt"),
        ] {
            let words = refusal(name, value);
            assert!(words.contains(part), "{name}={value}: {words}");
        }
        for (name, value) in [("voice", "anna"), ("priority", "-5"), ("interrupt", "now")] {
            assert_eq!(refusal(name, value), "");
        }
    }
}
