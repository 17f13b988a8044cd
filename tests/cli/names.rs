//! Tests of the failing name lookup of a server and of a proxy, at each connection of a check. No name server is used.
//! A preloaded library replaces the lookup of the C library. The tests run on Linux with glibc only, because the
//! preloading and the words of the failures depend on it. The handling of a failure is the same on all systems.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use crate::calls::sound;
use crate::connections::{Ended, Fault, Place, every_fault_at_every_connection, fault};
use crate::gate::Gate;
use crate::network::Class::{Final, Gone, Slow};
use crate::secure::{ALL, Meets, path, tls};
use crate::weave::Weave;

/// `names.c`, built with the compiler driver that also links Rust programs.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let name = format!("names-{}.so", std::process::id());
    let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .arg(&library)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/names.c"))
        .arg("-ldl")
        .status();
    assert!(built.unwrap().success());
    library
});

/// The kind of host whose name is looked up.
#[derive(Clone, Copy)]
enum Name {
    Server,
    /// A proxy, which looks up the server's name itself.
    Proxy,
}

/// The results of a lookup, named as in `names.c`, and the expected messages.
#[rustfmt::skip]
fn faults(name: Name) -> Vec<Fault<&'static str>> {
    const LATER: &str = "failed to lookup address information: Temporary failure in name resolution";
    const LATE: &str = "sent no complete answer within";
    let unknown = match name {
        Name::Server => "cannot resolve the host of",
        Name::Proxy => "cannot resolve the host of https://weave.test, through the proxy of the environment",
    };
    vec![
        fault("no such host", "unknown", unknown, Final),
        fault("no address", "no address", unknown, Final),
        fault("an answer that is final", "failed", unknown, Final),
        fault("nobody to ask", "later", LATER, Gone),
        fault("silence", "silence", LATE, Slow),
    ]
}

/// Runs a check in which the name lookup fails from one connection onwards.
fn run(gate: Gate, place: &Place, name: Name, then: &str) -> Ended {
    let (check, sound_tls) = (place.check(), Meets::Tls(tls("good.pem", ALL)));
    let meets = match name {
        Name::Server => sound_tls,
        Name::Proxy => Meets::Proxy("HTTP/1.1 200 Connected\r\n\r\n", Box::new(sound_tls)),
    };
    let weave = Weave::behind(
        move |stream, _| meets.clone().open(stream, &Mutex::default()),
        move |request, _| Some(sound(check, request).header("Connection: close")),
    );
    let port = weave.url.rsplit(':').next().unwrap();
    let gate = gate.file("looks", "");
    let looks = gate.folder().join("looks");
    let gate = gate
        .env("SSL_CERT_FILE", &path("authority.pem"))
        .env("LD_PRELOAD", LIBRARY.to_str().unwrap())
        .env("NAMES_LOOKS", looks.to_str().unwrap())
        .env("NAMES_FOUND", &place.first.to_string())
        .env("NAMES_THEN", then);
    let (gate, address) = match name {
        Name::Server => (
            gate.env("NAMES_KNOWN", "weave.test"),
            format!("https://weave.test:{port}"),
        ),
        Name::Proxy => (
            gate.env("NAMES_KNOWN", "proxy.test")
                .env("HTTPS_PROXY", &format!("http://proxy.test:{port}")),
            "https://weave.test".to_owned(),
        ),
    };
    let outcome = gate.args(&["--base-url", &address]).run();
    let shown = format!("{}{}", outcome.stderr, outcome.stdout);
    assert!(shown.contains(&address), "{shown}");
    // The gate connects only where the lookup succeeded.
    assert!(weave.connections() <= place.first);
    Ended {
        answered: weave.requests(),
        tries: outcome.read("looks").len(),
        outcome,
    }
}

#[test]
fn every_fault_of_the_server_s_name_at_every_connection() {
    every_fault_at_every_connection(&faults(Name::Server), |gate, place, then| {
        run(gate, place, Name::Server, then)
    });
}

#[test]
fn every_fault_of_a_proxy_s_name_at_every_connection() {
    every_fault_at_every_connection(&faults(Name::Proxy), |gate, place, then| {
        run(gate, place, Name::Proxy, then)
    });
}
