//! The page, and what those who run the server ask for: /healthz and /metrics.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::{
    Service,
    announcements::{Counts, PROGRESS},
    prometheus::metric,
};

const PAGE: &str = include_str!("page.html");

/// The routes.
pub fn router() -> Router<Service> {
    Router::new()
        .route("/", get(page))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
}

/// The page. Browsers run its own script and no other, and load nothing from elsewhere.
async fn page() -> Response {
    let policy = format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; img-src data:; media-src blob:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'",
        hash_of("script"),
        hash_of("style"),
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_string()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
        (header::REFERRER_POLICY, "no-referrer".into()),
        (header::CACHE_CONTROL, "no-cache".into()),
    ];
    (headers, PAGE).into_response()
}

/// The hash by which a policy allows the page's element `name`.
fn hash_of(name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inside = PAGE
        .split_once(&open)
        .and_then(|(_, rest)| rest.split_once(&close));
    let hash = Sha256::digest(inside.map_or("", |(inside, _)| inside));
    format!("'sha256-{}'", BASE64_STANDARD.encode(hash))
}

/// Readiness and load: status 200 where a request would be taken now, else 503, so that balancers choose another server.
async fn health(State(service): State<Service>) -> Response {
    let load = service.synthesis.load();
    let takes_more = load.status == "ready" && load.requests < load.max_requests;
    let status = match takes_more {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let kind = [(header::CONTENT_TYPE, "application/json")];
    let body = serde_json::to_string(&load).unwrap_or_default();
    (status, kind, body).into_response()
}

async fn metrics(State(service): State<Service>) -> Response {
    let mut text = service.synthesis.metrics();
    let speech = service.speech.as_ref();
    let counts = speech.map(|speech| speech.events().counts());
    add_announcements(&mut text, counts.unwrap_or_default());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

fn add_announcements(text: &mut String, counts: Counts) {
    let live = counts.live as f64;
    let help = "Announcements that wait or are being said.";
    metric(text, "announcements", "gauge", help, &[("", live)]);
    let labels = PROGRESS.map(|progress| format!("{{event=\"{progress}\"}}"));
    let values = labels.iter().zip(counts.progress);
    let values: Vec<(&str, f64)> = values
        .map(|(label, count)| (label.as_str(), count as f64))
        .collect();
    let help = "Announcements by what has happened to them, in the words of /events.";
    metric(text, "announcements_total", "counter", help, &values);
    let seconds = counts.seconds;
    for (name, help, value) in [
        (
            "speech",
            "Seconds of announcements that were heard.",
            seconds.speech,
        ),
        (
            "synthesis",
            "Seconds of the synthesis of announcements.",
            seconds.synthesis,
        ),
        (
            "first_audio",
            "Seconds from the acceptance of each announcement to its first sound.",
            seconds.first_audio,
        ),
    ] {
        let name = format!("announcement_{name}_seconds_total");
        metric(text, &name, "counter", help, &[("", value)]);
    }
}
