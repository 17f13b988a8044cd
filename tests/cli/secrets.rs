//! The secrets of a test, and the search for them in all output of a process. The builder in `gate` searches after each
//! run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use memchr::memmem;

use crate::gate::{Gate, KEY, KEY_IN_BASE64};
use crate::weave::{Reply, Weave};

/// A shorter secret could occur by chance.
const SHORTEST: usize = 8;
/// Endings of the names of variables whose whole value is a secret.
const SECRET: [&str; 2] = ["_API_KEY", "_TOKEN"];

/// The texts that no output may contain.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    pub fn add(&mut self, secret: &str) {
        assert!(
            secret.len() >= SHORTEST,
            "`{secret}` is too short to be looked for"
        );
        self.0.push(secret.to_owned());
    }

    /// Adds the secret in an environment variable: a key, a token, or the password of a proxy.
    pub fn add_variable(&mut self, name: &str, value: &str) {
        // An empty variable holds no secret.
        if !value.is_empty() && SECRET.iter().any(|end| name.ends_with(end)) {
            self.add(value);
        }
        if name.to_ascii_uppercase().ends_with("_PROXY")
            && let Some((login, _)) = value.rsplit_once('@')
            && let Some((_, password)) = login.rsplit_once(':')
        {
            self.add(password);
            let plain = percent_encoding::percent_decode_str(password).decode_utf8();
            self.add(&plain.unwrap());
        }
    }

    /// The spelling of a secret that these bytes contain.
    pub fn found_in(&self, bytes: &[u8]) -> Option<String> {
        self.0
            .iter()
            .flat_map(|secret| spellings(secret))
            .find(|spelling| memmem::find(bytes, spelling.as_bytes()).is_some())
    }

    /// Searches all files of a folder, except files with the same content as before the run.
    #[track_caller]
    pub fn must_not_be_in_files(&self, folder: &Path, given: &BTreeMap<PathBuf, Vec<u8>>) {
        for path in files(folder) {
            let name = path.to_string_lossy();
            assert_eq!(self.found_in(name.as_bytes()), None, "in a file's name");
            let bytes = fs::read(&path).unwrap();
            if given.get(&path) != Some(&bytes) {
                self.must_not_be_in(&bytes, &name);
            }
        }
    }

    #[track_caller]
    pub fn must_not_be_in(&self, bytes: &[u8], place: &str) {
        if let Some(spelling) = self.found_in(bytes) {
            panic!("a secret is shown in {place}, as `{spelling}`");
        }
    }
}

/// The spellings of a secret: unchanged, in URLs, in hexadecimal, and in base64 at each position in a longer text.
fn spellings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    let in_url = percent_encoding::percent_encode(bytes, percent_encoding::NON_ALPHANUMERIC);
    let mut all = vec![
        secret.to_owned(),
        in_url.to_string(),
        hex.to_uppercase(),
        hex,
    ];
    for before in 0..3 {
        // In base64, three bytes become four characters. Characters that also encode a neighbouring byte are removed.
        let moved = [&vec![0; before], bytes].concat();
        let from = (before * 8).div_ceil(6);
        let to = moved.len() * 8 / 6;
        for alphabet in [&BASE64_STANDARD_NO_PAD, &BASE64_URL_SAFE_NO_PAD] {
            all.push(alphabet.encode(&moved)[from..to].to_owned());
        }
    }
    all
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match fs::symlink_metadata(&path).unwrap().file_type() {
                kind if kind.is_dir() => folders.push(path),
                kind if kind.is_file() => found.push(path),
                // Links are not followed. Their targets are searched elsewhere. Pipes and devices hold no content.
                _ => {}
            }
        }
    }
    found
}

/// The panic message with which the search stopped a run.
fn caught(run: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(run).expect_err("nothing was found");
    panic.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn the_search_finds_every_spelling() {
    let mut secrets = Secrets::default();
    secrets.add(KEY);
    secrets.add("p@ss word/+?");
    let text = |text: &str| secrets.found_in(text.as_bytes()).is_some();
    assert!(text(&format!("x{KEY}y")) && text(KEY_IN_BASE64));
    assert!(text("p%40ss%20word%2F%2B%3F"));
    assert!(text("7040737320776f72642f2b3f") && text("7040737320776F72642F2B3F"));
    for before in ["", "u", "us", "user", "user:", "longer:"] {
        for after in ["", "!", "@h", "@host"] {
            let login = format!("{before}p@ss word/+?{after}");
            assert!(text(&BASE64_STANDARD_NO_PAD.encode(&login)), "{login}");
            assert!(text(&BASE64_URL_SAFE_NO_PAD.encode(&login)), "{login}");
        }
    }
    assert!(!text("the key is not here, nor is the password"));
    assert!(!text(&KEY[1..]) && !text(&BASE64_STANDARD_NO_PAD.encode("another password")));
}

/// The builder takes the secrets from the environment. It searches stdout, stderr and files after each run.
#[test]
fn the_search_of_a_run_can_fail() {
    let floor = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.5}";
    for (more, place) in [
        (&["--report=/dev/null", "--all"][..], "in stdout"),
        (&["-q", "--format=json", "--report=r.md"], "in stdout"),
        (&["--format=markdown", "-v"], "in stderr"),
        (&["--json=sub/r.json", "-q"], "r.json"),
    ] {
        let words = caught(move || {
            let weave = Weave::start();
            let gate = Gate::check(floor, &["--candidate=cand", "--base-url", &weave.url])
                .file("sub/x", "")
                .args(more);
            // All output names the project. A variable whose name ends in `_TOKEN` makes the project's name a secret.
            let gate = match place {
                "in stdout" => gate.env("SOME_TOKEN", "my-team/bot"),
                // Only `-v` shows this text on stderr. Only the JSON report contains the text of the next case.
                "in stderr" => gate.secret("/v2/my-team/bot/eval_results"),
                _ => gate.secret("\"schema_version\""),
            };
            gate.run();
        });
        assert!(
            words.starts_with("a secret is shown in") && words.contains(place),
            "{words}"
        );
    }
}

#[test]
fn a_secret_that_a_test_gives_may_stay_where_it_is() {
    let weave = Weave::with(|_, _| Some(Reply::status(401, "no")));
    let home = Gate::new(&["runs", "--project=my-team/bot", "--base-url", &weave.url]);
    let machine = weave.url.trim_start_matches("http://");
    let netrc = format!("machine {machine} login user password {KEY}");
    home.file(".netrc", &netrc)
        .run()
        .code(3)
        .says("refused the API key");
    let words = caught(|| {
        let gate = Gate::new(&["validate"]).file("gates.yaml", "version: 1");
        // The test writes this file directly, as the process could have done.
        fs::write(
            gate.folder().join(".hidden"),
            BASE64_URL_SAFE_NO_PAD.encode(KEY),
        )
        .unwrap();
        gate.run();
    });
    assert!(words.contains(".hidden"), "{words}");
}

#[test]
fn variables_tell_what_is_secret_in_them() {
    let mut secrets = Secrets::default();
    secrets.add_variable("WANDB_PROJECT", "in-the-open");
    secrets.add_variable("HTTPS_PROXY", "http://127.0.0.1:8080");
    secrets.add_variable("NO_PROXY", "localhost");
    assert_eq!(secrets.0, Vec::<String>::new());
    secrets.add_variable("GITHUB_TOKEN", "ghs_0123456789");
    secrets.add_variable("https_proxy", "http://user:pass%20word@proxy:8080");
    assert_eq!(secrets.0, ["ghs_0123456789", "pass%20word", "pass word"]);
}
