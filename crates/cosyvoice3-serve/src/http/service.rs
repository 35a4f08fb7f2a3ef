//! Requests of those who run the server: /healthz and /metrics.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::Service;

/// The routes.
pub fn router() -> Router<Service> {
    Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
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
    if let Some(speech) = &service.speech {
        let count = speech.events().count();
        let name = "cosyvoice3_announcements";
        text += &format!(
            "# HELP {name} Announcements that wait or are being said.\n# TYPE {name} gauge\n{name} {count}\n"
        );
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
