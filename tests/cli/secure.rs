//! Tests of TLS and of proxies: faults before a request is made, at each connection of a check.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use crate::calls::{self, Use, sound};
use crate::connections::{Ended, Fault, Place, every_fault_at_every_connection, fault};
use crate::gate::{Gate, KEY, KEY_IN_BASE64};
use crate::network::Class::{Final, Gone, Slow};
use crate::weave::{Link, Reply, Weave};

const FLOOR: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.9}";
const PASSWORD: &str = "hunter2-of-proxy";

pub fn path(name: &str) -> String {
    format!("{}/tests/cli/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The TLS configuration of a server with one of the certificates.
pub fn tls(certificate: &str, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
    held(certificate, "server.key", versions)
}

/// The same with any key, which may not match the certificate.
fn held(
    certificate: &str,
    key: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(path(certificate)).unwrap();
    let key = PrivateKeyDer::from_pem_file(path(key)).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let pair = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(pair));
    Arc::new(config)
}

/// The behaviour of a connection before its first request.
#[derive(Clone)]
pub enum Meets {
    Tls(Arc<ServerConfig>),
    /// The server reads some bytes and sends these bytes. Then it closes the connection or sends nothing more.
    Bytes(&'static [u8], After),
    /// A proxy that sends this answer, and then the behaviour of its target.
    Proxy(&'static str, Box<Meets>),
    /// A connection without TLS.
    Plain,
}

#[derive(Clone, Copy, PartialEq)]
pub enum After {
    End,
    Silence,
}

impl Meets {
    pub fn open(self, mut stream: TcpStream, heard: &Mutex<Vec<u8>>) -> Option<Box<dyn Link>> {
        match self {
            Self::Plain => Some(Box::new(stream)),
            Self::Tls(config) => {
                let connection = ServerConnection::new(config).unwrap();
                Some(Box::new(StreamOwned::new(connection, stream)))
            }
            Self::Bytes(bytes, after) => {
                listen(&mut stream, heard);
                let _ = stream.write_all(bytes);
                while after == After::Silence && listen(&mut stream, heard) {}
                None
            }
            Self::Proxy(reply, leads_to) => {
                listen(&mut stream, heard);
                stream.write_all(reply.as_bytes()).ok()?;
                if reply.contains(" 200 ") {
                    return leads_to.open(stream, heard);
                }
                listen(&mut stream, heard);
                None
            }
        }
    }
}

/// Records bytes that are sent without encryption, and the complete head of a CONNECT request. Returns whether there
/// were any.
fn listen(stream: &mut TcpStream, heard: &Mutex<Vec<u8>>) -> bool {
    let mut said = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        let count = stream.read(&mut bytes).unwrap_or(0);
        said.extend_from_slice(&bytes[..count]);
        let is_whole = !said.starts_with(b"CONNECT") || said.ends_with(b"\r\n\r\n");
        if count == 0 || is_whole {
            heard.lock().unwrap().extend_from_slice(&said);
            return count > 0;
        }
    }
}

pub const ALL: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// TLS faults.
#[rustfmt::skip]
fn of_tls() -> Vec<Fault<Meets>> {
    use After::{End, Silence};
    // Fatal TLS alerts: a handshake failure, and an unsupported version.
    const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];
    const OLD: &[u8] = &[21, 3, 1, 0, 2, 2, 70];
    // The start of a server's hello message. The rest never arrives.
    const HALF: &[u8] = &[22, 3, 3, 0, 122, 2, 0, 0, 118];
    const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let certificate = |name| Meets::Tls(tls(name, ALL));
    vec![
        fault("expired", certificate("expired.pem"), "certificate expired", Final),
        fault("not valid yet", certificate("early.pem"), "certificate not valid yet", Final),
        fault("another host", certificate("other-host.pem"), "certificate not valid for name \"127.0.0.1\"", Final),
        fault("self-signed", certificate("self-signed.pem"), "invalid peer certificate: UnknownIssuer", Final),
        fault("unknown authority", certificate("unknown-authority.pem"), "invalid peer certificate: UnknownIssuer", Final),
        fault("another's certificate", Meets::Tls(held("good.pem", "thief.key", ALL)), "invalid peer certificate: BadSignature", Final),
        fault("plain http", Meets::Bytes(PLAIN, End), "received corrupt message", Final),
        fault("another protocol", Meets::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n", End), "received corrupt message", Final),
        fault("an alert", Meets::Bytes(ALERT, End), "received fatal alert", Final),
        fault("no common version", Meets::Bytes(OLD, End), "received fatal alert", Final),
        fault("closed at once", Meets::Bytes(b"", End), "unexpected end of file", Gone),
        fault("cut in the handshake", Meets::Bytes(HALF, End), "unexpected end of file", Gone),
        fault("nothing", Meets::Bytes(b"", Silence), "sent no complete answer within", Slow),
        fault("half a handshake", Meets::Bytes(HALF, Silence), "sent no complete answer within", Slow),
    ]
}

/// Faults of a proxy.
#[rustfmt::skip]
fn of_proxies() -> Vec<Fault<Meets>> {
    use After::{End, Silence};
    let says = |reply| Meets::Proxy(reply, Box::new(Meets::Plain));
    let leads_to = |meets| Meets::Proxy("HTTP/1.1 200 Connected\r\n\r\n", Box::new(meets));
    vec![
        fault("403", says("HTTP/1.1 403 Forbidden\r\n\r\n"), "proxy server responded 403", Final),
        fault("407", says("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n"), "proxy server responded 407", Final),
        fault("a redirect", says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n"), "proxy server responded 302", Final),
        fault("502", says("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "proxy server responded 502", Gone),
        fault("closed", Meets::Bytes(b"", End), "the proxy of the environment failed: ", Gone),
        fault("no answer", Meets::Bytes(b"", Silence), "sent no complete answer within", Slow),
        fault("no proxy", Meets::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n", End), "the proxy of the environment failed: protocol", Gone),
        fault("a stranger behind it", leads_to(Meets::Tls(tls("unknown-authority.pem", ALL))), "UnknownIssuer", Final),
        fault("another host behind it", leads_to(Meets::Tls(tls("other-host.pem", ALL))), "not valid for name \"weave.test\"", Final),
        fault("plain http behind it", leads_to(Meets::Bytes(b"HTTP/1.1 200 OK\r\n\r\n", End)), "received corrupt message", Final),
    ]
}

/// A working route to the server. The tests replace its connections with faults.
struct Way {
    sound: Meets,
    /// Whether the route has a proxy.
    by_proxy: bool,
}

impl Way {
    /// Runs a check in which the connections fail from one connection onwards.
    fn run(&self, gate: Gate, place: &Place, then: &Meets) -> Ended {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        let (before, then) = (self.sound.clone(), then.clone());
        let (check, first) = (place.check(), place.first);
        let weave = Weave::behind(
            move |stream, number| {
                let meets = if number < first { &before } else { &then };
                meets.clone().open(stream, &notes)
            },
            move |request, _| Some(sound(check, request).header("Connection: close")),
        );
        let authority = weave.url.trim_start_matches("http://");
        let gate = gate.env("SSL_CERT_FILE", &path("authority.pem"));
        let outcome = if self.by_proxy {
            let proxy = format!("http://user:{PASSWORD}@{authority}");
            gate.args(&["--base-url=https://weave.test"])
                .env("HTTPS_PROXY", &proxy)
        } else {
            gate.args(&["--base-url", &format!("https://{authority}")])
        }
        .run();
        // No secret is sent without encryption. A proxy gets only its own login.
        let heard = heard.lock().unwrap();
        for secret in [KEY, KEY_IN_BASE64, "my-team"] {
            assert!(
                memmem::find(&heard, secret.as_bytes()).is_none(),
                "{secret}"
            );
        }
        let login = BASE64_STANDARD.encode(format!("user:{PASSWORD}"));
        assert_eq!(
            memmem::find(&heard, login.as_bytes()).is_some(),
            self.by_proxy && !heard.is_empty()
        );
        let answered = weave.requests();
        for request in &answered {
            assert!(
                !request.head.contains(&login) && !request.head.contains("Proxy-"),
                "{request:?}"
            );
        }
        Ended {
            outcome,
            answered,
            tries: weave.connections(),
        }
    }

    fn with_every_fault(&self, faults: &[Fault<Meets>]) {
        every_fault_at_every_connection(faults, |gate, place, meets| self.run(gate, place, meets));
    }
}

#[test]
fn every_fault_of_tls_at_every_connection() {
    let way = Way {
        sound: Meets::Tls(tls("good.pem", ALL)),
        by_proxy: false,
    };
    way.with_every_fault(&of_tls());
}

#[test]
fn every_fault_of_a_proxy_at_every_connection() {
    let sound = Meets::Tls(tls("good.pem", ALL));
    let way = Way {
        sound: Meets::Proxy("HTTP/1.1 200 Connected\r\n\r\n", Box::new(sound)),
        by_proxy: true,
    };
    way.with_every_fault(&of_proxies());
}

/// Bytes after an answer in the same TLS record are not used as the next answer.
#[test]
fn a_stray_answer_is_nobody_s() {
    let config = tls("good.pem", ALL);
    let check = calls::all()
        .find(|call| call.used_for == Use::Aside)
        .unwrap()
        .check;
    let weave = Weave::behind(
        move |stream, _| Meets::Tls(config.clone()).open(stream, &Mutex::default()),
        move |request, _| {
            let Reply::Whole(200, _, body) = sound(check, request) else {
                return None;
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            let stray = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull";
            let bytes = [head.as_bytes(), &body, stray].concat();
            Some(Reply::Kept(bytes, Duration::ZERO, Vec::new()))
        },
    );
    let url = weave.url.replace("http:", "https:");
    Gate::check(check.gates, check.arguments)
        .args(&["--base-url", &url])
        .env("SSL_CERT_FILE", &path("authority.pem"))
        .run()
        .code(check.code);
    assert_eq!(weave.requests().len(), check.requests);
    assert_eq!(weave.connections(), check.requests);
}

#[test]
fn both_versions_of_tls_are_spoken() {
    for version in ALL {
        let config = tls("good.pem", &[version]);
        let weave = Weave::behind(
            move |stream, _| Meets::Tls(config.clone()).open(stream, &Mutex::default()),
            |_, _| None,
        );
        let url = weave.url.replace("http:", "https:");
        let check = || Gate::check(FLOOR, &["--candidate=cand", "--base-url", &url]);
        check()
            .env("SSL_CERT_FILE", &path("authority.pem"))
            .run()
            .code(0);
        // The server is trusted only with the correct private authority.
        check()
            .run()
            .code(3)
            .says("UnknownIssuer")
            .says("help: a private authority");
        check()
            .env("SSL_CERT_FILE", &path("unknown-authority.pem"))
            .run()
            .code(3)
            .says("no safe connection");
        for (file, words) in [
            ("server.key", "it holds no certificate"),
            ("make.sh", "it holds no certificate"),
            ("none.pem", "No such file"),
        ] {
            check()
                .env("SSL_CERT_FILE", &path(file))
                .run()
                .code(3)
                .says("cannot read SSL_CERT_FILE")
                .says(words);
        }
    }
}

/// A server in `NO_PROXY` is requested directly, and messages do not name a proxy.
#[test]
fn no_proxy_goes_around_the_proxy() {
    for (no_proxy, goes_around) in [
        ("weave.test", true),
        ("a.test, .weave.test", true),
        ("a.test test", true),
        ("*", true),
        ("weave.test:443", true),
        ("weave.test:8443", false),
        ("eave.test", false),
        ("a.weave.test", false),
    ] {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        let refused = Meets::Proxy("HTTP/1.1 403 Forbidden\r\n\r\n", Box::new(Meets::Plain));
        let proxy = Weave::behind(
            move |stream, _| refused.clone().open(stream, &notes),
            |_, _| None,
        );
        let outcome = Gate::check(FLOOR, &["--candidate=cand", "--timeout=3s"])
            .args(&["--base-url=https://weave.test"])
            .env("HTTPS_PROXY", &proxy.url)
            .env("NO_PROXY", no_proxy)
            .run()
            .code(3);
        assert_eq!(proxy.connections() == 0, goes_around, "{no_proxy}");
        assert_eq!(
            !outcome.stderr.contains("through the proxy"),
            goes_around,
            "{no_proxy}:\n{}",
            outcome.stderr
        );
    }
}
