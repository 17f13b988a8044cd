# Lists the commands.
default:
    @just --list

# Unit and integration tests.
test *arguments:
    cargo test --locked {{arguments}}

# Format, lints, and the structure of the sources.
lint:
    cargo fmt --check
    cargo clippy --locked --all-targets -- --deny warnings
    python3 .ci/structure.py

# The report of the example.
example:
    cargo run --quiet -- check gates.example.yaml \
        --candidate file:examples/candidate.json --baseline file:examples/baseline.json

# Updates the snapshots of reports and the generated parts of documents.
update:
    UPDATE_DOCUMENTS=1 INSTA_UPDATE=always cargo test --locked

# Against the real Weave server in memory.
live *arguments:
    tests/live/run {{arguments}}

# Against an independent judge in Python.
oracle cases="300":
    tests/oracle/run {{cases}}

# Everything that must pass before a change is merged.
ci:
    .ci/run
