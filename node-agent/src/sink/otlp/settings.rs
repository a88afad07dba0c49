//! Settings as the OpenTelemetry specification has them, made into what a connection needs.

use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Settings, as given.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Protocol.
    pub protocol: Protocol,
    /// Endpoint of all signals.
    pub base: Option<String>,
    /// Endpoint of logs alone; goes before `base`.
    pub url: Option<String>,
    /// `name=value,name=value`, values percent-encoded.
    pub headers: String,
    /// Longest time for one delivery.
    pub timeout: Duration,
    /// `gzip`, `none`, or nothing.
    pub compression: String,
    /// No TLS for an endpoint of gRPC without a scheme.
    pub insecure: bool,
    /// Certificates and keys.
    pub tls: Tls,
    /// Attributes of the resource, `name=value,name=value`, values percent-encoded.
    pub resource: String,
    /// `service.name`.
    pub service_name: Option<String>,
    /// `k8s.node.name`.
    pub node_name: Option<String>,
}

/// Protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP with protobuf.
    #[default]
    Http,
    /// gRPC.
    Grpc,
    /// As a user wrote it.
    Named(String),
}

/// Files of TLS, all PEM.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Certificates that are trusted instead of the built-in ones.
    pub certificate: Option<PathBuf>,
    /// Own certificate.
    pub client_certificate: Option<PathBuf>,
    /// Its key.
    pub client_key: Option<PathBuf>,
}

/// What is wrong with settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The protocol is none that is spoken here.
    #[error("the protocol must be grpc or http/protobuf, but is {0:?}")]
    Protocol(String),
    /// The endpoint is no URL.
    #[error("the endpoint must be a URL such as http://collector:4318, but is {0:?}")]
    Endpoint(String),
    /// A header is not one.
    #[error("headers must be name=value,name=value, but one is {0:?}")]
    Header(String),
    /// The compression is none that is known here.
    #[error("the compression must be gzip or none, but is {0:?}")]
    Compression(String),
    /// A file of TLS cannot be read, or has nothing in it.
    #[error("cannot use {file}: {problem}")]
    Pem {
        /// Which.
        file: PathBuf,
        /// Why.
        problem: String,
    },
    /// A certificate without its key, or the other way round.
    #[error("a client certificate and its key must be given together")]
    ClientCertificate,
    /// Certificate and key do not fit.
    #[error("the settings of TLS do not work")]
    Tls(#[source] rustls::Error),
}

/// Settings that can be used.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) grpc: bool,
    /// gRPC: scheme and authority. HTTP: the whole URL.
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) gzip: bool,
}

impl Settings {
    pub(super) fn resolve(&self) -> Result<Resolved, SettingsError> {
        let grpc = match &self.protocol {
            Protocol::Grpc => true,
            Protocol::Http => false,
            Protocol::Named(name) => match name.trim() {
                "grpc" => true,
                "http/protobuf" => false,
                other => return Err(SettingsError::Protocol(other.into())),
            },
        };
        let gzip = match self.compression.trim() {
            "gzip" => true,
            "" | "none" => false,
            other => return Err(SettingsError::Compression(other.into())),
        };
        let text = if grpc { self.grpc_endpoint() } else { self.http_endpoint() };
        let uri: Uri = text.parse().map_err(|_| SettingsError::Endpoint(text.clone()))?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if !known || uri.host().is_none_or(str::is_empty) {
            return Err(SettingsError::Endpoint(text));
        }
        Ok(Resolved { grpc, uri, headers: headers(&self.headers)?, gzip })
    }

    fn grpc_endpoint(&self) -> String {
        let given = self.url.as_deref().or(self.base.as_deref()).unwrap_or("http://localhost:4317").trim();
        if given.contains("://") {
            return given.into();
        }
        format!("{}://{given}", if self.insecure { "http" } else { "https" })
    }

    fn http_endpoint(&self) -> String {
        match (&self.url, &self.base) {
            (Some(url), _) => url.trim().into(),
            (None, base) => {
                let base = base.as_deref().unwrap_or("http://localhost:4318").trim();
                format!("{}/v1/logs", base.trim_end_matches('/'))
            }
        }
    }

    /// Attributes of the resource, in the order given; `OTEL_SERVICE_NAME` goes before them, ours are added where
    /// they are not given.
    pub(super) fn resource_attributes(&self) -> Vec<(String, String)> {
        let named = self.service_name.iter().map(|name| ("service.name".to_owned(), name.clone()));
        let given = pairs(&self.resource)
            .filter_map(|(name, value)| Some((name.to_owned(), percent_decoded(value?)?)));
        let ours = [("service.name", "beaconwatch-agent"), ("service.version", crate::VERSION)];
        let ours = ours.into_iter().chain(self.node_name.iter().map(|node| ("k8s.node.name", node.as_str())));
        let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut attributes: Vec<(String, String)> = Vec::new();
        for (name, value) in named.chain(given).chain(ours) {
            if !attributes.iter().any(|(known, _)| *known == name) {
                attributes.push((name, value));
            }
        }
        attributes
    }
}

fn headers(text: &str) -> Result<HeaderMap, SettingsError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(text) {
        // The value may be a secret: it is not repeated.
        let wrong = || SettingsError::Header(name.to_owned());
        let value = value.and_then(percent_decoded).ok_or_else(wrong)?;
        let mut value = HeaderValue::from_str(&value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value);
    }
    Ok(headers)
}

/// `a=b,c=d`; the value is `None` where the equals sign is missing.
fn pairs(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| match pair.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (pair, None),
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'%', [high, low, tail @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                bytes.push(u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?);
                tail
            }
            (byte, tail) => {
                bytes.push(byte);
                tail
            }
        };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(settings: &Settings) -> String {
        settings.resolve().map_or_else(|error| error.to_string(), |resolved| resolved.uri.to_string())
    }

    #[test]
    fn endpoints_follow_the_specification() {
        let some = |text: &str| Some(text.to_owned());
        let http = Settings::default();
        assert_eq!(endpoint(&http), "http://localhost:4318/v1/logs");
        let base = Settings { base: some("https://c.example:4318/otlp/"), ..http.clone() };
        assert_eq!(endpoint(&base), "https://c.example:4318/otlp/v1/logs");
        let url = Settings { url: some("http://c.example/logs"), ..base };
        assert_eq!(endpoint(&url), "http://c.example/logs");
        let grpc = Settings { protocol: Protocol::Named("grpc".into()), ..Settings::default() };
        assert_eq!(endpoint(&grpc), "http://localhost:4317/");
        let bare = Settings { base: some("collector:4317"), ..grpc };
        assert_eq!(endpoint(&bare), "https://collector:4317/");
        assert_eq!(endpoint(&Settings { insecure: true, ..bare }), "http://collector:4317/");
    }

    #[test]
    fn wrong_settings_are_named_with_what_is_allowed() {
        let json = Settings { protocol: Protocol::Named("http/json".into()), ..Settings::default() };
        assert_eq!(endpoint(&json), "the protocol must be grpc or http/protobuf, but is \"http/json\"");
        let zstd = Settings { compression: "zstd".into(), ..Settings::default() };
        assert_eq!(endpoint(&zstd), "the compression must be gzip or none, but is \"zstd\"");
        let path = Settings { base: Some("/tmp/socket".into()), ..Settings::default() };
        assert!(endpoint(&path).starts_with("the endpoint must be a URL"));
    }

    #[test]
    fn headers_are_decoded_and_a_wrong_one_keeps_its_secret() {
        let good = headers("authorization=Bearer%20abc, x-scope = team%2Fa ,").unwrap();
        assert_eq!(good["authorization"], "Bearer abc");
        assert_eq!(good["x-scope"], "team/a");
        let error = headers("x=secret%zz").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn the_resource_names_the_service_and_the_node_once() {
        let settings = Settings {
            resource: "service.name=mine,deployment.environment.name=a%20b".into(),
            service_name: Some("other".into()),
            node_name: Some("node-1".into()),
            ..Settings::default()
        };
        let attributes = settings.resource_attributes();
        assert!(attributes.contains(&("service.name".into(), "other".into())), "{attributes:?}");
        assert_eq!(attributes.iter().filter(|(name, _)| name == "service.name").count(), 1);
        assert!(attributes.contains(&("deployment.environment.name".into(), "a b".into())));
        assert!(attributes.contains(&("k8s.node.name".into(), "node-1".into())));
    }
}
