//! Voices: /v1/audio/voices, which lists them, adds one from a recording, and deletes one.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    Router,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::Request,
    response::Response,
    routing::{delete, get},
};
use cosyvoice3::enrol::CONSENT;
use serde_json::json;

use super::{arrival::Arrival, form, openai::answer, refusal::Refusal};
use crate::{Service, enrolment, log::log};

/// The routes.
pub fn router() -> Router<Service> {
    Router::new()
        .route("/v1/audio/voices", get(list).post(add))
        .route("/v1/audio/voices/{name}", delete(remove))
}

/// The voices, under the two names that clients look for.
async fn list(State(service): State<Service>) -> Response {
    let voices = service.voices.describe();
    answer(&json!({
        "object": "list",
        "data": voices,
        "voices": voices,
        "changes": service.voices.changes(),
        "consent": CONSENT,
    }))
}

/// Makes a voice of the recording in a form. All that can be refused before the recording comes is refused then.
async fn add(State(service): State<Service>, request: Request<Body>) -> Result<Response, Refusal> {
    let Service {
        voices,
        enrolments,
        limits,
        ..
    } = service;
    voices.check_changes()?;
    voices.check_networks()?;
    let _place = enrolments.enter()?;
    let arrival = request.extensions().get::<Arrival>().cloned();
    if let Some(arrival) = &arrival {
        arrival.allow(limits.recording_time());
    }
    let form = form::read(request, limits.recording()).await?;
    if let Some(arrival) = &arrival {
        // Bytes behind the last part of a form are not waited for.
        arrival.note_complete();
    }
    voices.check_new(&form.name, form.overwrite)?;
    let (recording, order) = voices.order(form);
    let made = enrolment::enrol(recording, &order, limits.recording_time()).await?;
    log!("voice {} was added by HTTP: {}", order.name, made.report);
    let mut added = json!(voices.describe_one(order.name));
    let created = SystemTime::now().duration_since(UNIX_EPOCH);
    added["created_at"] = created.map_or(0, |time| time.as_secs()).into();
    added["report"] = made.report.into();
    added["warnings"] = made.warnings.into();
    added["consent"] = CONSENT.into();
    Ok(answer(&added))
}

async fn remove(
    State(service): State<Service>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let Path(name) = name?;
    service.voices.delete(&name)?;
    log!("voice {name} was deleted by HTTP");
    Ok(answer(
        &json!({ "id": name, "object": "audio.voice.deleted", "deleted": true }),
    ))
}
