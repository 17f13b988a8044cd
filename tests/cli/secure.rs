//! TLS and proxies: what can go wrong before a request is made, at each connection of a check.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use serde_json::Value;

use crate::calls::{CALLS, Check, sound};
use crate::gate::{Gate, KEY, KEY_IN_BASE64, Outcome};
use crate::weave::{Link, Weave};

/// What a process may take beyond its deadline, on a busy machine.
const SLACK: Duration = Duration::from_secs(4);
const FLOOR: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.9}";
const PASSWORD: &str = "hunter2-of-proxy";

fn path(name: &str) -> String {
    format!("{}/tests/cli/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A server's half of TLS, with one of the certificates.
fn tls(certificate: &str, versions: &[&'static SupportedProtocolVersion]) -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(path(certificate)).unwrap();
    let key = PrivateKeyDer::from_pem_file(path("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

/// What a connection meets before its first request.
#[derive(Clone)]
enum Meets {
    Tls(Arc<ServerConfig>),
    /// These bytes in answer to the first ones, and the end, or nothing more.
    Bytes(&'static [u8], After),
    /// A proxy that answers so, and then what it leads to.
    Proxy(&'static str, Box<Meets>),
    /// No TLS at all.
    Plain,
}

#[derive(Clone, Copy, PartialEq)]
enum After {
    End,
    Silence,
}

impl Meets {
    fn open(self, mut stream: TcpStream, heard: &Mutex<Vec<u8>>) -> Option<Box<dyn Link>> {
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

/// Notes what is sent in the open, the head of a request in whole, and tells whether there was something.
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

/// A fault from one connection on, and what is said of it.
struct Fault {
    name: &'static str,
    meets: Meets,
    words: &'static str,
    /// Whether it may pass, and is tried again.
    may_pass: bool,
}

fn fault(name: &'static str, meets: Meets, words: &'static str, may_pass: bool) -> Fault {
    Fault {
        name,
        meets,
        words,
        may_pass,
    }
}

const ALL: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// What TLS can meet in place of a sound server.
#[rustfmt::skip]
fn of_tls() -> Vec<Fault> {
    use After::{End, Silence};
    // A fatal alert, as TLS writes it: a handshake failure.
    const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];
    // The head of a server's hello, of which no more comes.
    const HALF: &[u8] = &[22, 3, 3, 0, 122, 2, 0, 0, 118];
    const PLAIN: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    let certificate = |name| Meets::Tls(tls(name, ALL));
    vec![
        fault("expired", certificate("expired.pem"), "certificate expired", false),
        fault("not valid yet", certificate("early.pem"), "certificate not valid yet", false),
        fault("another host", certificate("other-host.pem"), "certificate not valid for name \"127.0.0.1\"", false),
        fault("self-signed", certificate("self-signed.pem"), "invalid peer certificate: UnknownIssuer", false),
        fault("unknown authority", certificate("unknown-authority.pem"), "invalid peer certificate: UnknownIssuer", false),
        fault("plain http", Meets::Bytes(PLAIN, End), "received corrupt message", false),
        fault("another protocol", Meets::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n", End), "received corrupt message", false),
        fault("an alert", Meets::Bytes(ALERT, End), "received fatal alert", false),
        fault("closed at once", Meets::Bytes(b"", End), "unexpected end of file", true),
        fault("cut in the handshake", Meets::Bytes(HALF, End), "unexpected end of file", true),
        fault("nothing", Meets::Bytes(b"", Silence), "gave no whole answer within", true),
        fault("half a handshake", Meets::Bytes(HALF, Silence), "gave no whole answer within", true),
    ]
}

/// What a proxy can do instead of connecting.
#[rustfmt::skip]
fn of_proxies() -> Vec<Fault> {
    use After::{End, Silence};
    let says = |reply| Meets::Proxy(reply, Box::new(Meets::Plain));
    let leads_to = |meets| Meets::Proxy("HTTP/1.1 200 Connected\r\n\r\n", Box::new(meets));
    vec![
        fault("403", says("HTTP/1.1 403 Forbidden\r\n\r\n"), "proxy server responded 403", false),
        fault("407", says("HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\n\r\n"), "proxy server responded 407", false),
        fault("a redirect", says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\n\r\n"), "proxy server responded 302", false),
        fault("502", says("HTTP/1.1 502 Bad Gateway\r\n\r\n"), "proxy server responded 502", true),
        fault("closed", Meets::Bytes(b"", End), "the proxy of the environment failed: ", true),
        fault("no answer", Meets::Bytes(b"", Silence), "gave no whole answer within", true),
        fault("no proxy", Meets::Bytes(b"SSH-2.0-OpenSSH_9.6\r\n", End), "the proxy of the environment failed: protocol", true),
        fault("a stranger behind it", leads_to(Meets::Tls(tls("unknown-authority.pem", ALL))), "UnknownIssuer", false),
        fault("another host behind it", leads_to(Meets::Tls(tls("other-host.pem", ALL))), "not valid for name \"weave.test\"", false),
        fault("plain http behind it", leads_to(Meets::Bytes(b"HTTP/1.1 200 OK\r\n\r\n", End)), "received corrupt message", false),
    ]
}

/// A way to a server that is sound, and what can be wrong with it.
struct Way {
    sound: Meets,
    faults: Vec<Fault>,
    /// Whether a proxy is on it.
    by_proxy: bool,
}

/// Two checks: one whose last calls only explain, and one that finds its runs.
fn checks() -> [Check; 2] {
    let of = |name| {
        CALLS
            .into_iter()
            .find(|call| call.name == name)
            .unwrap()
            .check
    };
    [
        of("rows behind a failing check"),
        of("count of what matches"),
    ]
}

/// Runs a check on a way that turns bad with one of its connections.
fn run(check: Check, way: &Way, then: &Meets, first: usize, seconds: u64) -> (Outcome, Weave) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&heard);
    let (before, then) = (way.sound.clone(), then.clone());
    let weave = Weave::behind(
        move |stream, number| {
            let meets = if number < first { &before } else { &then };
            meets.clone().open(stream, &notes)
        },
        move |request, _| Some(sound(check, request).header("Connection: close")),
    );
    let authority = weave.url.trim_start_matches("http://");
    let mut gate = Gate::check(check.gates, &["-v", "--json=r.json", "--report=r.md"])
        .args(check.arguments)
        .args(&["--timeout", &format!("{seconds}s")])
        .env("SSL_CERT_FILE", &path("authority.pem"));
    gate = if way.by_proxy {
        let proxy = format!("http://user:{PASSWORD}@{authority}");
        gate.args(&["--base-url=https://weave.test"])
            .env("HTTPS_PROXY", &proxy)
    } else {
        gate.args(&["--base-url", &format!("https://{authority}")])
    };
    let outcome = gate.run();
    // Nothing of ours is said in the open, and to a proxy only what is its own.
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
        way.by_proxy && !heard.is_empty()
    );
    for request in weave.requests() {
        assert!(
            !request.head.contains(&login) && !request.head.contains("Proxy-"),
            "{request:?}"
        );
    }
    (outcome, weave)
}

/// Why the rows behind a check are not shown.
fn why(outcome: &Outcome) -> String {
    let why = &outcome.json("r.json")["policies"][0]["unexplained"];
    why.as_str().unwrap_or_default().to_owned()
}

/// Tries a fault from a connection on. Where a machine is too busy to come to it in time, there is more time.
fn attempt(check: Check, way: &Way, fault: &Fault, first: usize) {
    let mut seconds = if fault.may_pass { 2 } else { 30 };
    let is_seen = |outcome: &Outcome| {
        outcome.stderr.contains(fault.words) || why(outcome).contains(fault.words)
    };
    let (outcome, weave, took) = loop {
        let since = Instant::now();
        let (outcome, weave) = run(check, way, &fault.meets, first, seconds);
        if weave.connections() > first && is_seen(&outcome) || seconds > 60 {
            break (outcome, weave, since.elapsed());
        }
        seconds *= 2;
    };
    assert!(is_seen(&outcome), "{}", outcome.stderr);
    let shown = format!(
        "{} from connection {first} on:\n{}\n{}",
        fault.name, outcome.stderr, outcome.stdout
    );
    assert!(
        took < Duration::from_secs(seconds) + SLACK,
        "{took:?}: {shown}"
    );
    // What is asked side by side fails side by side; the count that is done without may fail, too.
    let most = first + if fault.may_pass { 10 } else { 2 };
    assert!(
        weave.connections() <= most,
        "{} connections: {shown}",
        weave.connections()
    );
    let report = outcome.json("r.json");
    // With a failing check the last two calls only explain it.
    if check.code == 1 && first >= 2 {
        assert_eq!(outcome.code, 1, "{shown}");
        return;
    }
    assert_eq!(
        (outcome.code, &report["verdict"]),
        (3, &Value::Null),
        "{shown}"
    );
    assert!(outcome.stderr.contains(fault.words), "{shown}");
    assert!(outcome.stderr.contains("\n  help: "), "{shown}");
    if !fault.may_pass {
        assert!(!outcome.stderr.contains("trying again"), "{shown}");
    }
}

fn every_fault_at_every_connection(way: &Way) {
    for check in checks() {
        let (outcome, weave) = run(check, way, &way.sound, 0, 30);
        assert_eq!(weave.connections(), check.requests);
        outcome.code(check.code);
    }
    thread::scope(|scope| {
        for fault in &way.faults {
            scope.spawn(move || {
                for check in checks() {
                    for first in 0..check.requests {
                        attempt(check, way, fault, first);
                    }
                }
            });
        }
    });
}

#[test]
fn every_fault_of_tls_at_every_connection() {
    every_fault_at_every_connection(&Way {
        sound: Meets::Tls(tls("good.pem", ALL)),
        faults: of_tls(),
        by_proxy: false,
    });
}

#[test]
fn every_fault_of_a_proxy_at_every_connection() {
    let sound = Meets::Tls(tls("good.pem", ALL));
    every_fault_at_every_connection(&Way {
        sound: Meets::Proxy("HTTP/1.1 200 Connected\r\n\r\n", Box::new(sound)),
        faults: of_proxies(),
        by_proxy: true,
    });
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
        // Without the private authority, or with one that is none, nobody is trusted.
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
