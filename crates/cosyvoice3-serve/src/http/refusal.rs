//! Refusals as OpenAI's API shapes its errors.

use axum::{
    extract::rejection::PathRejection,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use cosyvoice3::{Error, ErrorKind};
use serde_json::json;

/// A request that is not met: the status, and an error object for the client.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub status: StatusCode,
    /// The cause and the remedy.
    pub message: String,
    /// The field of the request that is to blame.
    pub param: Option<String>,
    /// A word for programs.
    pub code: Option<&'static str>,
}

/// A refusal for something that the client can mend.
pub fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, message)
}

impl Refusal {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            param: None,
            code: None,
        }
    }

    /// The same with the field that is to blame.
    pub fn param(self, name: &str) -> Self {
        Self {
            param: Some(name.into()),
            ..self
        }
    }

    /// The same with a word for programs.
    pub fn code(self, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    /// OpenAI's word for the kind.
    fn kind(&self) -> &'static str {
        match self.status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }

    /// The error object.
    pub fn body(&self) -> String {
        let error = json!({
            "message": self.message,
            "type": self.kind(),
            "param": self.param,
            "code": self.code,
        });
        json!({ "error": error }).to_string()
    }

    /// A whole answer, for a client whose request never became one.
    pub fn raw(&self) -> Vec<u8> {
        let (status, body) = (self.status, self.body());
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

impl From<PathRejection> for Refusal {
    /// The refusal for a name in an address that is not UTF-8.
    fn from(rejection: PathRejection) -> Self {
        wrong(format!(
            "the address is not valid ({}): write names in UTF-8, percent-encoded",
            rejection.body_text()
        ))
        .code("invalid_value")
    }
}

impl From<&Error> for Refusal {
    /// The refusal for a text that the engine did not speak.
    fn from(error: &Error) -> Self {
        let (status, code) = match error.kind() {
            ErrorKind::Text => (StatusCode::BAD_REQUEST, "text_unspeakable"),
            ErrorKind::Language => (StatusCode::BAD_REQUEST, "language_not_spoken"),
            ErrorKind::Markup => (StatusCode::BAD_REQUEST, "markup_invalid"),
            ErrorKind::Settings => (StatusCode::BAD_REQUEST, "setting_invalid"),
            ErrorKind::Busy => (StatusCode::TOO_MANY_REQUESTS, "queue_full"),
            ErrorKind::Cancelled => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "synthesis_failed"),
        };
        Self::new(status, error.to_string()).code(code)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let kind = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (self.status, kind, self.body()).into_response();
        let headers = response.headers_mut();
        match self.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
