//! Permission to use the server by HTTP: keys, the name by which it is addressed, and web pages.

use anyhow::{Result, ensure};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use crate::{Service, http::Refusal, options::Arguments, secret};

/// Shortest key, in bytes.
const SHORTEST_KEY: usize = 16;
/// Paths that show nothing of anybody's, and take no key: the page asks for one, and supervisors of services have none.
const OPEN: [&str; 3] = ["/", "/favicon.ico", "/healthz"];

/// Key, hosts and origins that clients must show.
pub struct Access {
    /// Hashes of the keys, so that a comparison takes as long whatever the key; empty where none is needed.
    keys: Vec<[u8; 32]>,
    /// Names of this machine in lower case, beside localhost.
    hosts: Vec<String>,
    /// Origins of pages in lower case, beside the server's own.
    origins: Vec<String>,
}

impl Access {
    /// # Errors
    /// The file of keys cannot be read, or a key in it is too short.
    pub fn new(arguments: &Arguments) -> Result<Self> {
        let mut keys = Vec::new();
        if let Some(file) = &arguments.api_key_file {
            for key in secret::lines(file, "the API keys")? {
                ensure!(
                    key.len() >= SHORTEST_KEY,
                    "{}: a key has at least {SHORTEST_KEY} characters (openssl rand -hex 32 makes one)",
                    file.display()
                );
                keys.push(Sha256::digest(key).into());
            }
            ensure!(!keys.is_empty(), "{} has no key", file.display());
        }
        let lower = |names: &[String]| names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Ok(Self {
            keys,
            hosts: lower(&arguments.host),
            origins: lower(&arguments.origin),
        })
    }

    fn check_key(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let given = headers
            .get(header::AUTHORIZATION)
            .map(HeaderValue::as_bytes);
        let key = given.and_then(|given| {
            let (scheme, key) = given.split_at_checked("Bearer ".len())?;
            scheme.eq_ignore_ascii_case(b"Bearer ").then_some(key)
        });
        let known = key.is_some_and(|key| {
            let hash: [u8; 32] = Sha256::digest(key).into();
            self.keys.contains(&hash)
        });
        let words = match key {
            _ if known => return Ok(()),
            Some(_) => "this key is not one of the server's",
            None => "this server requires a key: send Authorization: Bearer KEY",
        };
        Err(Refusal::new(StatusCode::UNAUTHORIZED, words).code("invalid_api_key"))
    }

    /// Refuses names that are not this machine's: by such a name the page of a stranger could reach the server as if it were
    /// its own (DNS rebinding). An address in digits is no such name.
    fn check_host(&self, host: &str) -> Result<(), Refusal> {
        let name = name_of(host).to_ascii_lowercase();
        let name = name.trim_end_matches('.');
        let local = name == "localhost" || name.ends_with(".localhost");
        let digits = name
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok();
        if local || digits || self.hosts.iter().any(|known| known == name) {
            return Ok(());
        }
        let words = format!(
            "this server does not answer to the name {name:?}: start it with --host NAME for each name"
        );
        Err(Refusal::new(StatusCode::FORBIDDEN, words).code("host_not_allowed"))
    }

    /// Returns the origin of a page of another server that may use this one; `None` for the own page, and where no page
    /// asks.
    fn check_origin(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>, Refusal> {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return Ok(None);
        };
        let words = origin.to_str().unwrap_or("?").to_ascii_lowercase();
        let own = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        if let (Some((_, origin)), Some(own)) = (words.split_once("://"), own)
            && origin == own.to_ascii_lowercase()
        {
            return Ok(None);
        }
        if self.origins.contains(&words) {
            return Ok(Some(origin.clone()));
        }
        let words = format!(
            "web pages of {words:?} may not use this server: start it with --origin ORIGIN for each"
        );
        Err(Refusal::new(StatusCode::FORBIDDEN, words).code("origin_not_allowed"))
    }
}

/// The name in a `Host` field, without the port.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) && !name.ends_with(':') => {
            name
        }
        _ => host,
    }
}

/// Lets a request through that may use the server, and refuses any other.
pub async fn check(State(service): State<Service>, request: Request<Body>, next: Next) -> Response {
    let access = service.access;
    let headers = request.headers();
    let host = headers
        .get(header::HOST)
        .map(|host| host.to_str().unwrap_or("?"));
    let checked = host
        .map_or(Ok(()), |host| access.check_host(host))
        .and_then(|()| access.check_origin(headers));
    let origin = match checked {
        Ok(origin) => origin,
        Err(refusal) => return refusal.into_response(),
    };
    let preflight = request.method() == Method::OPTIONS && origin.is_some();
    let answer = if preflight {
        // Before a page's request with a key, browsers ask without one.
        Ok(StatusCode::NO_CONTENT.into_response())
    } else if OPEN.contains(&request.uri().path()) {
        Ok(next.run(request).await)
    } else {
        match access.check_key(headers) {
            Ok(()) => Ok(next.run(request).await),
            Err(refusal) => Err(refusal),
        }
    };
    let mut response = answer.into_response();
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
            (
                header::ACCESS_CONTROL_ALLOW_HEADERS,
                "authorization, content-type",
            ),
        ];
        for (name, value) in allowed {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access {
            keys: vec![Sha256::digest("a key of the house").into()],
            hosts: vec!["speech.example".into()],
            origins: vec!["https://app.example".into()],
        }
    }

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        let pair =
            |(name, value): &(header::HeaderName, &str)| (name.clone(), value.parse().unwrap());
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn only_a_key_of_the_file_opens_the_server() {
        let check = |value: &str| access().check_key(&headers(&[(header::AUTHORIZATION, value)]));
        assert!(check("Bearer a key of the house").is_ok());
        assert!(check("bearer a key of the house").is_ok());
        for wrong in [
            "Bearer a key of the hous",
            "Bearer ",
            "Basic a key of the house",
            "x",
        ] {
            let refusal = check(wrong).unwrap_err();
            assert_eq!(refusal.status, StatusCode::UNAUTHORIZED, "{wrong}");
        }
        assert!(access().check_key(&HeaderMap::new()).is_err());
    }

    #[test]
    fn only_names_of_this_machine_reach_it() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:80",
            "[::1]:80",
            "::1",
            "a.localhost",
            "speech.example:1",
            "Speech.Example.",
        ] {
            assert!(access().check_host(host).is_ok(), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "",
            "1.2.3.4.evil.example:80",
        ] {
            assert!(access().check_host(host).is_err(), "{host}");
        }
    }

    #[test]
    fn only_its_own_page_and_named_ones_use_it() {
        let check = |origin: &str| {
            access().check_origin(&headers(&[
                (header::HOST, "127.0.0.1:8080"),
                (header::ORIGIN, origin),
            ]))
        };
        assert_eq!(check("http://127.0.0.1:8080"), Ok(None));
        assert_eq!(
            check("https://app.example"),
            Ok(Some("https://app.example".parse().unwrap()))
        );
        for origin in ["http://127.0.0.1:81", "https://evil.example", "null", ""] {
            assert!(check(origin).is_err(), "{origin}");
        }
    }
}
