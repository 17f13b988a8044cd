//! Tests of the choice of the server and of the key that it gets.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::gate::{Gate, KEY, KEY_IN_BASE64};
use crate::weave::{Reply, Weave};

const FLOOR: &str = "- {name: floor, scorer: correctness, metric: pass_rate, min: 0.9}";

fn check(more: &[&str]) -> Gate {
    Gate::new(&["check", "--candidate=cand", "--project=my-team/bot"])
        .args(more)
        .file("gates.yaml", &format!("version: 1\ngates:\n{FLOOR}\n"))
}

fn authority(weave: &Weave) -> &str {
    weave.url.trim_start_matches("http://")
}

fn entry(machine: &str) -> String {
    format!("machine {machine}\n  login user\n  password {KEY}\n")
}

/// Whether all requests had the key. At least one request is required.
fn has_key(weave: &Weave) -> bool {
    let requests = weave.requests();
    assert!(!requests.is_empty());
    requests
        .iter()
        .all(|request| request.head.contains(KEY_IN_BASE64))
}

#[test]
fn the_key_comes_from_netrc_where_the_variable_is_not_set() {
    let weave = Weave::start();
    let machine = authority(&weave);
    let base_url = ["--base-url", &weave.url];
    check(&base_url)
        .file(".netrc", &entry(machine))
        .run()
        .code(0);
    check(&base_url)
        .file("_netrc", &entry(machine))
        .run()
        .code(0);
    // The file that `NETRC` names replaces the one in the home directory.
    check(&base_url)
        .file(".netrc", &entry("example.com"))
        .file("other", &entry(machine))
        .env("NETRC", "~/other")
        .run()
        .code(0);
    // The environment names both servers.
    check(&[])
        .file(".netrc", &entry("wb.example.com"))
        .env("WANDB_BASE_URL", "https://wb.example.com")
        .env("WF_TRACE_SERVER_URL", &weave.url)
        .run()
        .code(0);
    assert!(has_key(&weave));
}

/// Older keys have 40 characters, and newer keys have more.
#[test]
fn a_key_may_be_long() {
    for length in [41, 82, 86, 200] {
        let key = "wandb_v1_".to_owned() + &"Ab3-_".repeat(40)[..length - 9];
        let weave = Weave::start();
        let outcome = check(&["--base-url", &weave.url])
            .env("WANDB_API_KEY", &key)
            .run()
            .code(0);
        let sent = BASE64_STANDARD.encode(format!("api:{key}"));
        let requests = weave.requests();
        assert!(!requests.is_empty());
        assert!(
            requests.iter().all(|request| request.head.contains(&sent)),
            "{}",
            outcome.stderr
        );
    }
}

/// A key for one host is not sent to another host.
#[test]
fn the_key_of_another_host_is_not_sent() {
    let weave = Weave::start();
    let base_url = ["--base-url", &weave.url];
    let elsewhere = ("WANDB_BASE_URL", "https://wb.example.com");
    let server = ("WF_TRACE_SERVER_URL", &*weave.url);
    let machine = authority(&weave);
    let says =
        format!("no API key: WANDB_API_KEY is not set, and ~/.netrc has no entry for {machine}");
    for (netrc, arguments, variables) in [
        (entry("api.wandb.ai"), &base_url[..], &[][..]),
        (entry("api.wandb.ai"), &[], &[server]),
        (entry("wb.example.com"), &base_url, &[elsewhere]),
        (entry("127.0.0.1"), &base_url, &[]),
        (entry("machine default"), &base_url, &[]),
        (
            format!("default login user password {KEY}\n"),
            &base_url,
            &[],
        ),
        (
            format!("machine {machine} login user\n{}", entry("x")),
            &base_url,
            &[],
        ),
    ] {
        let gate = check(arguments).file(".netrc", &netrc);
        let gate = variables
            .iter()
            .fold(gate, |gate, (name, value)| gate.env(name, value));
        gate.run()
            .code(3)
            .says(&says)
            .says("is not sent to another host");
    }
    check(&base_url)
        .file(".netrc", &entry(machine))
        .file("empty", "")
        .env("NETRC", "empty")
        .run()
        .code(3)
        .says("the file in NETRC has no entry for");
    assert!(weave.requests().is_empty());
}

#[test]
fn the_address_comes_from_the_settings_file_in_the_home_directory() {
    let weave = Weave::with(|_, _| Some(Reply::status(401, "no")));
    let settings = format!("[default]\nbase_url = {}\n", weave.url);
    let asked = |gate: Gate| {
        gate.run().code(3).says("Weave refused the API key (401)");
    };
    let netrc = entry(authority(&weave));
    asked(
        check(&[])
            .file(".config/wandb/settings", &settings)
            .file(".netrc", &netrc),
    );
    asked(
        check(&[])
            .file("conf/settings", &settings)
            .file(".netrc", &netrc)
            .env("WANDB_CONFIG_DIR", "~/conf"),
    );
    asked(
        check(&[])
            .file(
                ".config/wandb/settings",
                "[default]\nbase_url = https://a.test",
            )
            .file(".netrc", &netrc)
            .env("WANDB_BASE_URL", &weave.url),
    );
    asked(
        check(&[])
            .env("WANDB_API_KEY", KEY)
            .env("WANDB_BASE_URL", "https://a.test")
            .env("WANDB_PUBLIC_BASE_URL", &format!("{}/", weave.url)),
    );
    assert!(has_key(&weave));
    for request in weave.requests() {
        assert!(request.path.starts_with("/traces/"), "{request:?}");
    }
}

/// A checked-out pull request must not choose the server that gets the key.
#[test]
fn a_settings_file_in_the_working_directory_is_not_read() {
    let weave = Weave::start();
    let settings = format!("[default]\nbase_url = {}\n", weave.url);
    let proxy = Weave::with(|_, _| Some(Reply::status(403, "no")));
    check(&[])
        .file("wandb/settings", &settings)
        .file("settings", &settings)
        .env("WANDB_API_KEY", KEY)
        .env("HTTPS_PROXY", &proxy.url)
        .run()
        .code(3)
        .says("no connection to https://trace.wandb.ai, through the proxy of the environment");
    check(&[])
        .file("conf/settings", &settings)
        .env("WANDB_API_KEY", KEY)
        .env("WANDB_CONFIG_DIR", "conf")
        .run()
        .code(2)
        .says("the folder in WANDB_CONFIG_DIR is relative: `conf`");
    assert!(weave.requests().is_empty());
}

#[test]
fn a_settings_file_that_cannot_be_read_is_an_error() {
    for (settings, words) in [
        ("base_url = https://a.test", "line 1 is before any section"),
        (
            "[default]\nbase_url = https://a.test\n .b.test",
            "`base_url` has several lines",
        ),
        (
            "[default]\nbase_url = ftp://a.test",
            "is not a URL: expected http:// or https://",
        ),
        (
            "[default]\nbase_url = http://a.test",
            "refused to send the API key over plain http",
        ),
    ] {
        check(&[])
            .file(".config/wandb/settings", settings)
            .env("WANDB_API_KEY", KEY)
            .run()
            .code(2)
            .says(words);
    }
}

/// The redacted key is the key that would be sent, whatever the options are.
#[test]
fn the_key_of_the_server_that_is_named_is_not_shown() {
    let weave = Weave::start();
    let gates = format!("version: 1\ngates:\n- {{name: 'x {KEY} y', metric: rows, min: 1}}\n");
    let netrc = entry(authority(&weave));
    for (arguments, server) in [
        (&["--base-url", &weave.url][..], ("X", "")),
        (&["--base-url", &weave.url, "--insecure-http"], ("X", "")),
        (&[], ("WF_TRACE_SERVER_URL", &*weave.url)),
    ] {
        check(arguments)
            .args(&["--report-dir=out", "-v", "--all"])
            .file("gates.yaml", &gates)
            .file(".netrc", &netrc)
            .env(server.0, server.1)
            .run()
            .code(0)
            .shows("x *** y");
    }
}

/// If it is unknown whether there is a key, the check is not skipped for a fork.
#[test]
fn a_netrc_that_cannot_be_read_is_not_a_missing_key() {
    let event = r#"{"pull_request": {"number": 7, "head": {"sha": "0123456789", "repo": null},
        "base": {"sha": "1", "repo": {"full_name": "a/b"}}}}"#;
    let gate = |more: &[&str]| {
        check(more)
            .file("event.json", event)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_EVENT_NAME", "pull_request")
            .env("GITHUB_EVENT_PATH", "event.json")
    };
    gate(&["--skip-forks"]).run().code(0);
    gate(&["--skip-forks"])
        .file(".netrc/x", "")
        .run()
        .code(3)
        .says(".netrc` cannot be read");
}

/// An identity token as a CI system issues it, and the access token that W&B gives for it.
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJyZXBvOm15LXRlYW0vYm90In0.c2lnbmF0dXJl";
const ACCESS: &str = "access-token-0123456789abcdef";

/// A W&B server that exchanges tokens and is also the trace server. Its first answers to exchanges have the statuses in
/// `refusals`.
fn federated(refusals: &[u16]) -> Weave {
    let refusals = refusals.to_vec();
    Weave::with(move |request, number| {
        (request.path == "/oidc/token").then(|| match refusals.get(number) {
            Some(status) => Reply::Whole(
                *status,
                String::new(),
                format!(
                    r#"{{"error": "invalid_grant", "error_description": "no such issuer: {JWT}"}}"#
                )
                .into(),
            ),
            None => Reply::json(
                &json!({"access_token": ACCESS, "expires_in": 3600, "token_type": "Bearer"}),
            ),
        })
    })
}

fn with_token(weave: &Weave) -> Gate {
    check(&["--base-url", &weave.url])
        .file("token.jwt", &format!("{JWT}\n"))
        .env("WANDB_BASE_URL", &weave.url)
        .env("WANDB_IDENTITY_TOKEN_FILE", "token.jwt")
        .env("WANDB_API_KEY", "")
}

#[test]
fn an_identity_token_is_exchanged_once_and_opens_all_requests() {
    let weave = federated(&[]);
    let outcome = with_token(&weave).run().code(0);
    let (exchanges, others): (Vec<_>, Vec<_>) = weave
        .requests()
        .into_iter()
        .partition(|request| request.path == "/oidc/token");
    let [exchange] = exchanges.as_slice() else {
        panic!("{} exchanges", exchanges.len());
    };
    assert_eq!(exchange.method, "POST");
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    let form = exchange.body.as_str().unwrap().replace(':', "%3A");
    assert_eq!(form, format!("grant_type={grant}&assertion={JWT}"));
    let head = exchange.head.to_ascii_lowercase();
    assert!(
        head.contains("content-type: application/x-www-form-urlencoded"),
        "{head}"
    );
    assert!(!head.contains("authorization:"), "{head}");
    assert!(!others.is_empty());
    for request in others {
        let head = request.head;
        assert!(
            head.contains(&format!("uthorization: Bearer {ACCESS}")),
            "{head}"
        );
    }
    for shown in [&outcome.stdout, &outcome.stderr] {
        assert!(!shown.contains(JWT) && !shown.contains(ACCESS));
    }
}

#[test]
fn an_identity_token_that_is_refused_or_not_there_says_so_and_is_not_shown() {
    let weave = federated(&[503]);
    with_token(&weave).run().code(0);
    for status in [400, 401, 403] {
        let weave = federated(&[status]);
        let outcome = with_token(&weave).run().code(3).says(&format!(
            "W&B refused the identity token ({status}): no such issuer: ***"
        ));
        assert!(!outcome.stderr.contains(JWT) && !outcome.stdout.contains(JWT));
        assert_eq!(weave.requests().len(), 1);
    }
    let weave = federated(&[]);
    for (name, content, says) in [
        ("token.jwt", "", "no identity token: `token.jwt` is empty"),
        (
            "token.jwt",
            "two words",
            "no identity token: `token.jwt` holds characters",
        ),
        (
            "other",
            JWT,
            "no identity token: `token.jwt` does not exist",
        ),
    ] {
        let gate = check(&["--base-url", &weave.url]).file(name, content);
        gate.env("WANDB_BASE_URL", &weave.url)
            .env("WANDB_IDENTITY_TOKEN_FILE", "token.jwt")
            .env("WANDB_API_KEY", "")
            .run()
            .code(3)
            .says(says);
    }
    with_token(&weave)
        .env("WANDB_API_KEY", KEY)
        .run()
        .code(3)
        .says("WANDB_API_KEY and WANDB_IDENTITY_TOKEN_FILE are both set");
    // An access token of one server is not sent to another server.
    with_token(&weave)
        .env("WANDB_BASE_URL", "https://wb.example.com")
        .run()
        .code(3)
        .says("an access token of wb.example.com is not sent to http://127.0.0.1");
    assert!(weave.requests().is_empty());
}

#[test]
fn an_answer_that_holds_the_access_token_is_not_shown() {
    let weave = Weave::with(|request, _| {
        if request.path == "/oidc/token" {
            return Some(Reply::json(&json!({"access_token": ACCESS})));
        }
        crate::weave::roots(request, |run| run["display_name"] = json!(ACCESS))
    });
    let outcome = with_token(&weave)
        .run()
        .code(3)
        .says("an answer of Weave holds the API key or a token, and is not shown");
    assert!(!outcome.stdout.contains(ACCESS) && !outcome.stderr.contains(ACCESS));
}
