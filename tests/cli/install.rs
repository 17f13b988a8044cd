//! Tests of the action's installation. They run `scripts/install.sh` as GitHub's runner would, with a fake `curl` that
//! serves archives from a folder. `scripts/package.sh` makes the archives.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Secrets that a job may have in its environment. No program that the script starts may get them.
const SECRETS: [&str; 9] = [
    "WANDB_API_KEY",
    "GITHUB_TOKEN",
    "INPUT_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "OPENAI_API_KEY",
    "CARGO_REGISTRIES_PRIVATE_TOKEN",
    "GITHUB_ENV",
    "GITHUB_PATH",
];
const LINUX: &str = "x86_64-unknown-linux-musl";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A checkout of the action, the folders of a runner, and the files that can be downloaded.
struct Runner {
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

struct Ran {
    code: i32,
    stdout: String,
    /// The arguments of curl. Empty if curl was not called.
    curl: String,
    /// The path of the binary that the script set.
    binary: Option<PathBuf>,
}

fn program_name(target: &str) -> &'static str {
    if target.contains("windows") {
        "weave-gate.exe"
    } else {
        "weave-gate"
    }
}

/// Writes a small program to pack, because packing the real binary with its symbols takes a minute. The program prints
/// its version or its arguments.
pub fn stand_in(path: &Path) {
    let script =
        r#"if [[ $1 == --version ]]; then echo "weave-gate VERSION"; else echo "asked for $*"; fi"#;
    program(path, &script.replace("VERSION", VERSION));
}

fn program(path: &Path, script: &str) {
    fs::write(path, format!("#!/usr/bin/env bash\n{script}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[track_caller]
fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn sha256(path: &Path) -> String {
    let output = succeed(Command::new("sha256sum").arg(path));
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

impl Runner {
    fn new(at: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("install")
            .join(at);
        let _ = fs::remove_dir_all(&folder);
        for name in ["action/scripts", "bin", "released", "temp", "work"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        for name in ["install.sh", "checksums.txt"] {
            let to = folder.join("action/scripts").join(name);
            fs::copy(root().join("scripts").join(name), to).unwrap();
        }
        program(
            &folder.join("bin/curl"),
            &r#"printf '%s\n' "$@" >FOLDER/curl
env >>FOLDER/environment
while [[ $# -gt 1 ]]; do
    if [[ $1 == --output ]]; then to=$2; fi
    shift
done
cp FOLDER/released/${1##*/} "$to" 2>/dev/null || { echo "curl: (22) The requested URL returned error: 404" >&2; exit 22; }
"#.replace("FOLDER", folder.to_str().unwrap()),
        );
        let path = std::env::var("PATH").unwrap();
        let mut runner = Self {
            folder,
            variables: Vec::new(),
        };
        let bin = runner.at("bin").display().to_string();
        runner.set("PATH", &format!("{bin}:{path}"));
        for (name, value) in [
            ("RUNNER_TEMP", runner.at("temp")),
            ("GITHUB_OUTPUT", runner.at("output")),
            ("GITHUB_ACTION_PATH", runner.at("action")),
            ("GITHUB_WORKSPACE", runner.at("work")),
        ] {
            runner.set(name, value.to_str().unwrap());
        }
        runner.set("GITHUB_SERVER_URL", "https://github.example");
        runner.set("ACTION_REPOSITORY", "some-owner/weave-gate");
        runner.set("GITHUB_REPOSITORY", "a-user/of-the-action");
        for (number, name) in SECRETS.iter().enumerate() {
            runner.set(name, &format!("secret-{number}-of-the-job"));
        }
        runner.on("Linux", "X64")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn on(mut self, system: &str, processor: &str) -> Self {
        self.set("RUNNER_OS", system);
        self.set("RUNNER_ARCH", processor);
        self
    }

    /// Packs a program with this version of weave-gate, and adds its checksum to the action's checksums.
    fn release(self, target: &str) -> Self {
        let binary = self.at(program_name(target));
        stand_in(&binary);
        let mut package = Command::new("bash");
        let script = root().join("scripts/package.sh");
        succeed(
            package
                .arg(script)
                .arg(&binary)
                .arg(target)
                .arg(self.at("released")),
        );
        let archive = archive(target);
        let line = format!(
            "{}  {archive}\n",
            sha256(&self.at("released").join(&archive))
        );
        let checksums = self.at("action/scripts/checksums.txt");
        let known = fs::read_to_string(&checksums).unwrap();
        fs::write(checksums, known + &line).unwrap();
        self
    }

    fn install(&self, version: &str) -> Ran {
        let before = names(&self.at("work"));
        let output = Command::new("bash")
            .arg(self.at("action/scripts/install.sh"))
            .current_dir(self.at("work"))
            .env_clear()
            .envs(self.variables.iter().cloned())
            .env("INPUT_VERSION", version)
            .output()
            .unwrap();
        let read = |name: &str| fs::read_to_string(self.at(name)).unwrap_or_default();
        let binary = read("output");
        assert_eq!(names(&self.at("work")), before);
        assert!(!read("environment").contains("of-the-job"));
        Ran {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            curl: read("curl"),
            binary: binary
                .strip_prefix("binary=")
                .map(|path| PathBuf::from(path.trim_end())),
        }
    }
}

fn names(folder: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name()).collect()
}

impl Ran {
    /// The script must end with code 2 and one annotation, and must name no binary.
    #[track_caller]
    fn refused(&self, words: &str) {
        assert_eq!(self.code, 2, "{}", self.stdout);
        assert!(self.stdout.starts_with("::error title=weave-gate::"));
        assert_eq!(self.stdout.lines().count(), 1, "{}", self.stdout);
        assert!(self.stdout.contains(words), "{}", self.stdout);
        assert_eq!(self.binary, None);
    }
}

fn archive(target: &str) -> String {
    format!("weave-gate-{VERSION}-{target}.tar.gz")
}

#[test]
fn a_released_binary_is_installed_on_every_system() {
    for (system, processor, target) in [
        ("Linux", "X64", LINUX),
        ("Linux", "ARM64", "aarch64-unknown-linux-musl"),
        ("macOS", "X64", "x86_64-apple-darwin"),
        ("macOS", "ARM64", "aarch64-apple-darwin"),
        ("Windows", "X64", "x86_64-pc-windows-msvc"),
    ] {
        let runner = Runner::new(target).on(system, processor).release(target);
        let ran = runner.install(VERSION);
        assert_eq!(ran.code, 0, "{target}: {}", ran.stdout);
        assert_eq!(ran.stdout, format!("weave-gate {VERSION}\n"));
        let binary = ran.binary.unwrap();
        assert_eq!(binary.file_name().unwrap(), program_name(target));
        assert!(binary.starts_with(runner.at("temp")) && binary.is_file());
        let beside = binary.parent().unwrap();
        let read = |file: &str| fs::read_to_string(beside.join(file)).unwrap();
        assert_eq!(read("LICENSE"), include_str!("../../LICENSE"));
        for (file, asked) in [
            ("weave-gate.1", "man"),
            ("completions/weave-gate.bash", "completions bash"),
            ("completions/_weave-gate", "completions zsh"),
            ("completions/weave-gate.fish", "completions fish"),
            ("completions/_weave-gate.ps1", "completions powershell"),
        ] {
            assert_eq!(read(file), format!("asked for {asked}\n"));
        }
        for word in ["--fail", "--proto\n=https\n", "--tlsv1.2", "--retry\n3\n"] {
            assert!(ran.curl.contains(word), "{}", ran.curl);
        }
        let url = format!(
            "https://github.example/some-owner/weave-gate/releases/download/v{VERSION}/{}\n",
            archive(target)
        );
        assert!(ran.curl.ends_with(&url), "{}", ran.curl);
    }
}

#[test]
fn an_archive_with_another_checksum_is_not_unpacked() {
    let runner = Runner::new("checksum").release(LINUX);
    let path = runner.at("released").join(archive(LINUX));
    let mut bytes = fs::read(&path).unwrap();
    // This byte is a part of gzip's time, which no program reads.
    bytes[4] ^= 1;
    fs::write(&path, bytes).unwrap();
    let ran = runner.install(VERSION);
    ran.refused("it was not unpacked");
    assert!(ran.stdout.contains(&sha256(&path)));
    let left = Command::new("find")
        .arg(runner.at("temp"))
        .args(["-type", "f"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

#[test]
fn what_has_no_checksum_is_not_downloaded() {
    let runner = Runner::new("unknown").release(LINUX);
    for version in ["9.9.9", "0.1", "0.1.0.0", "0.1.0-rc.1"] {
        let ran = runner.install(version);
        ran.refused(version);
        assert_eq!(ran.curl, "");
    }
    // The archive has this version and is for another system.
    let ran = Runner::new("other-system")
        .release(LINUX)
        .on("macOS", "ARM64")
        .install(VERSION);
    ran.refused("no checksum of `weave-gate-");
    // The checksum is invalid.
    let broken = Runner::new("broken");
    let checksums = broken.at("action/scripts/checksums.txt");
    fs::write(checksums, format!("0123  {}\n", archive(LINUX))).unwrap();
    broken
        .install(VERSION)
        .refused("no checksum of `weave-gate-");
}

#[test]
fn a_missing_asset_is_named() {
    let runner = Runner::new("missing").release(LINUX);
    fs::remove_file(runner.at("released").join(archive(LINUX))).unwrap();
    runner
        .install(VERSION)
        .refused("cannot download `https://github.example/some-owner/weave-gate/releases/");
}

#[test]
fn a_version_is_a_version_and_nothing_else() {
    let runner = Runner::new("hostile").release(LINUX);
    for (version, shown) in [
        ("0.1.0 --output x", "`0.1.0 --output x`"),
        ("0.1.0\n::error::b", "`0.1.0%0A::error::b`"),
        ("0.1.0\r", "`0.1.0%0D`"),
        ("$(touch pwned)", "`$(touch pwned)`"),
        ("`touch pwned`", "``touch pwned``"),
        ("'; touch pwned; \"", "`'; touch pwned; \"`"),
        ("--version", "`--version`"),
        ("../../0.1.0", "`../../0.1.0`"),
        ("v0.1.0", "`v0.1.0`"),
        ("latest", "`latest`"),
        (".*", "`.*`"),
        ("100%", "`100%25`"),
    ] {
        let ran = runner.install(version);
        ran.refused(&format!("version is {shown}"));
        assert_eq!(ran.curl, "");
    }
    assert!(!runner.at("pwned").exists());
}

#[test]
fn a_system_without_releases_is_told_so() {
    for (system, processor) in [("Linux", "X86"), ("Windows", "ARM64"), ("Plan9", "X64")] {
        let runner = Runner::new("system").release(LINUX).on(system, processor);
        let ran = runner.install(VERSION);
        ran.refused(&format!("nothing is released for {system} on {processor}"));
        assert_eq!(ran.curl, "");
    }
}

/// A fake cargo that records its arguments and builds a program that reports this.
const FAKE_CARGO: &str = r#"printf '%s\n' "$PWD" "$@" >FOLDER/cargo
env >>FOLDER/environment
while [[ $# -gt 1 ]]; do
    if [[ $1 == --target-dir ]]; then to=$2; fi
    shift
done
mkdir -p "$to/release"
printf '#!/bin/sh\nenv >>FOLDER/environment\necho weave-gate built\n' >"$to/release/weave-gate"
chmod +x "$to/release/weave-gate"
"#;

impl Runner {
    fn with_fake_cargo(self) -> Self {
        let folder = self.folder.to_str().unwrap();
        let script = FAKE_CARGO.replace("FOLDER", folder);
        program(&self.at("bin/cargo"), &script);
        self
    }
}

#[test]
fn without_a_version_the_action_builds_its_own_source() {
    let runner = Runner::new("build").with_fake_cargo();
    let ran = runner.install("");
    assert_eq!((ran.code, &*ran.stdout), (0, "weave-gate built\n"));
    assert_eq!(ran.curl, "");
    let binary = ran.binary.unwrap();
    assert!(binary.starts_with(runner.at("temp")) && binary.ends_with("release/weave-gate"));
    let asked = fs::read_to_string(runner.at("cargo")).unwrap();
    let source = runner.at("action").display().to_string();
    assert!(asked.starts_with(&format!("{source}\n")), "{asked}");
    for word in ["--release", "--locked", "Cargo.toml"] {
        assert!(asked.lines().any(|line| line == word), "{asked}");
    }
    // The script passes on the variables that locate cargo and the certificates of a server.
    let mut runner = Runner::new("build-passed-on").with_fake_cargo();
    for (name, value) in [
        ("CARGO_HOME", "/cargo"),
        ("RUSTUP_HOME", "/rustup"),
        ("HTTPS_PROXY", "http://proxy:1"),
        ("SSL_CERT_FILE", "/ca.pem"),
    ] {
        runner.set(name, value);
    }
    assert_eq!(runner.install("").code, 0);
    let passed = fs::read_to_string(runner.at("environment")).unwrap();
    for line in [
        "CARGO_HOME=/cargo",
        "RUSTUP_HOME=/rustup",
        "HTTPS_PROXY=http://proxy:1",
        "SSL_CERT_FILE=/ca.pem",
    ] {
        assert!(passed.lines().any(|passed| passed == line), "{passed}");
    }
}

#[test]
fn by_hand_it_prints_where_the_binary_is() {
    let runner = Runner::new("by-hand").with_fake_cargo();
    let output = Command::new("bash")
        .arg(runner.at("action/scripts/install.sh"))
        .current_dir(runner.at("work"))
        .env_clear()
        .env("PATH", &runner.variables[0].1)
        .env("TMPDIR", runner.at("temp"))
        .env("WANDB_API_KEY", "secret-of-the-job")
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let (said, binary) = stdout.trim_end().split_once('\n').unwrap();
    assert_eq!(said, "weave-gate built");
    assert!(Path::new(binary).starts_with(runner.at("temp")) && Path::new(binary).is_file());
    let environment = fs::read_to_string(runner.at("environment")).unwrap();
    assert!(!environment.contains("of-the-job"), "{environment}");
}

/// Traps that a foreign repository may contain. Each has its own trigger.
const TRAPS: [&str; 5] = [
    "rust-toolchain.toml",
    ".cargo/config.toml",
    "RUSTC_WRAPPER",
    "PATH",
    "RELATIVE_PATH",
];

/// A runner with the real cargo, a small package as the action, and this trap in the checked-out repository. The trap
/// is a program that creates the file `sprung`.
fn trapped(trap: &str) -> Runner {
    let mut runner = Runner::new(&format!("trap-{}", trap.replace(['/', '.'], "-")));
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
        if let Ok(value) = std::env::var(name) {
            runner.set(name, &value);
        }
    }
    let source = r#"
        fn main() {
            let found: Vec<String> = std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
            std::fs::write("FOLDER/environment", found.concat()).unwrap();
        }
    "#;
    let action = runner.at("action");
    fs::create_dir_all(action.join("src")).unwrap();
    for (name, text) in [
        (
            "Cargo.toml",
            "[package]\nname = \"weave-gate\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n",
        ),
        (
            "Cargo.lock",
            "version = 3\n[[package]]\nname = \"weave-gate\"\nversion = \"0.0.0\"\n",
        ),
        (
            "build.rs",
            &source.replace("FOLDER", runner.folder.to_str().unwrap()),
        ),
        (
            "src/main.rs",
            "fn main() { println!(\"weave-gate 0.0.0\") }\n",
        ),
    ] {
        fs::write(action.join(name), text).unwrap();
    }
    let work = runner.at("work");
    for folder in [".cargo", "evil/bin"] {
        fs::create_dir_all(work.join(folder)).unwrap();
    }
    let sprung = runner.at("sprung");
    for name in ["cargo", "rustc", "env", "mktemp"] {
        let script = format!("touch {}\nexit 1\n", sprung.display());
        program(&work.join("evil/bin").join(name), &script);
    }
    let evil = work.join("evil");
    let wrapper = evil.join("bin/rustc").display().to_string();
    let path = runner.variables[0].1.clone();
    match trap {
        "rust-toolchain.toml" => {
            let text = format!("[toolchain]\npath = \"{}\"\n", evil.display());
            fs::write(work.join(trap), text).unwrap();
        }
        ".cargo/config.toml" => {
            let text = format!("[build]\nrustc-wrapper = \"{wrapper}\"\n");
            fs::write(work.join(trap), text).unwrap();
        }
        "RUSTC_WRAPPER" => runner.set(trap, &wrapper),
        "PATH" => runner.set("PATH", &format!("{}/bin:{path}", evil.display())),
        _ => runner.set("PATH", &format!("evil/bin:{path}")),
    }
    runner
}

#[test]
fn nothing_of_the_checked_out_repository_runs_and_no_secret_is_in_the_build() {
    for trap in TRAPS {
        // An ordinary build triggers the trap, so the trap works.
        let runner = trapped(trap);
        let build = Command::new("bash")
            .args([
                "-c",
                "cargo build --manifest-path ../action/Cargo.toml --target-dir ../temp/t",
            ])
            .current_dir(runner.at("work"))
            .env_clear()
            .envs(runner.variables.iter().cloned())
            .output()
            .unwrap();
        // Only rustup reads `rust-toolchain.toml`.
        let is_read = trap != "rust-toolchain.toml" || Command::new("rustup").output().is_ok();
        assert_eq!(runner.at("sprung").exists(), is_read, "{trap}: {build:?}");

        let runner = trapped(trap);
        let ran = runner.install("");
        assert_eq!(
            (ran.code, &*ran.stdout),
            (0, "weave-gate 0.0.0\n"),
            "{trap}"
        );
        assert!(!runner.at("sprung").exists(), "{trap}");
        let environment = fs::read_to_string(runner.at("environment")).unwrap();
        assert!(environment.contains("\nPATH=") && environment.contains("CARGO_PKG_NAME="));
        for name in SECRETS.iter().chain(&["INPUT_VERSION", "GITHUB_OUTPUT"]) {
            let found = environment
                .lines()
                .any(|line| line.starts_with(&format!("{name}=")));
            assert!(!found, "{name}");
        }
    }
}

#[test]
fn a_toolchain_in_the_checked_out_repository_is_refused() {
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        let mut runner = Runner::new("toolchain").with_fake_cargo();
        let folder = runner.at("work/.home").display().to_string();
        runner.set(name, &folder);
        let ran = runner.install("");
        ran.refused(&format!("{name} is in the checked-out repository"));
        assert!(!runner.at("cargo").exists());
    }
}

#[test]
fn a_build_that_fails_is_told_so() {
    let runner = Runner::new("build-fails");
    program(&runner.at("bin/cargo"), "exit 101\n");
    runner.install("").refused("cannot build weave-gate");
}
