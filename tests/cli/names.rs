//! Names that are not found: of the server and of a proxy, at each connection of a check. No name server is asked: a
//! library finds them in the C library's place. Only on Linux with glibc is it put there in this way and are failures
//! told in these words; what is made of them is the same everywhere.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use crate::calls::sound;
use crate::connections::{Ended, Fault, Place, every_fault_at_every_connection, fault};
use crate::gate::Gate;
use crate::network::Class::{Final, Gone, Slow};
use crate::secure::{ALL, Meets, path, tls};
use crate::weave::Weave;

/// `names.c`, built by the compiler driver that links Rust's programs, too.
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

/// A name that is looked for.
#[derive(Clone, Copy)]
enum Name {
    Server,
    /// A proxy, which looks for the server's itself.
    Proxy,
}

/// What comes of looking for a name, in the words of `names.c`, and what is said of it.
#[rustfmt::skip]
fn faults(name: Name) -> Vec<Fault<&'static str>> {
    const LATER: &str = "failed to lookup address information: Temporary failure in name resolution";
    const LATE: &str = "gave no whole answer within";
    let unknown = match name {
        Name::Server => " is not known",
        Name::Proxy => "the host of https://weave.test, through the proxy of the environment is not known",
    };
    vec![
        fault("no such host", "unknown", unknown, Final),
        fault("no address", "no address", unknown, Final),
        fault("an answer that is final", "failed", unknown, Final),
        fault("nobody to ask", "later", LATER, Gone),
        fault("silence", "silence", LATE, Slow),
    ]
}

/// Runs a check that finds a name no more from a connection on.
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
    assert!(outcome.stdout.contains(&address), "{}", outcome.stdout);
    // Nobody was spoken to but those who were found.
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
