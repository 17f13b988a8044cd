# One static binary, in two images:
#
#   docker build .                  the binary and nothing else: no shell, no libraries
#   docker build --target shell .   with a shell, for CI systems that run scripts inside, such as GitLab's
#
# A release puts in the binary that it has built and attested: --build-context binary=FOLDER takes the place of the
# stage `binary`. Trusted certificates are in the binary; a private authority is mounted and named in SSL_CERT_FILE.
#
# The bases have exact tags and no digest, because none has been seen to be theirs: add them where they can be.

# What is needed to build, and no more.
FROM scratch AS source
COPY Cargo.toml Cargo.lock /source/
COPY benches /source/benches
COPY src /source/src

# Alpine's own target is musl, whatever the processor, and what Rust builds for it is static.
FROM docker.io/library/rust:1.95.0-alpine3.22 AS build
WORKDIR /source
COPY --from=source /source .
RUN cargo build --release --locked --bin weave-gate

FROM scratch AS binary
COPY --from=build /source/target/release/weave-gate /

# Without an entry point: a runner starts the shell, and its script names the command.
FROM docker.io/library/busybox:1.37.0-musl AS shell
LABEL org.opencontainers.image.title="weave-gate" \
    org.opencontainers.image.description="A deployment gate over W&B Weave evaluations, with a shell" \
    org.opencontainers.image.licenses="Apache-2.0"
COPY LICENSE /usr/share/licenses/weave-gate/
COPY --from=binary /weave-gate /usr/local/bin/
USER 65532:65532
WORKDIR /work

FROM scratch AS weave-gate
LABEL org.opencontainers.image.title="weave-gate" \
    org.opencontainers.image.description="A deployment gate over W&B Weave evaluations" \
    org.opencontainers.image.licenses="Apache-2.0"
COPY LICENSE /usr/share/licenses/weave-gate/
COPY --from=binary /weave-gate /usr/local/bin/
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/usr/local/bin/weave-gate"]
