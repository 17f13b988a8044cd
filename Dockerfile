# One static binary, in two images:
#
#   docker build .                  the binary only: no shell, no libraries
#   docker build --target shell .   with a shell, for CI systems that run scripts inside, such as GitLab
#
# A release uses the binary that it has built and attested: --build-context binary=FOLDER replaces the stage `binary`.
# The binary contains the trusted certificates. Mount a private authority and name it in SSL_CERT_FILE.
#
# The base images have exact tags but no digests, because no digest has been verified. Add digests when they are.

# Copies only what the build needs.
FROM scratch AS source
COPY Cargo.toml Cargo.lock /source/
COPY benches /source/benches
COPY src /source/src

# Alpine's native target is musl on every processor. Rust builds static binaries for it.
FROM docker.io/library/rust:1.95.0-alpine3.22 AS build
WORKDIR /source
COPY --from=source /source .
RUN cargo build --release --locked --bin weave-gate

FROM scratch AS binary
COPY --from=build /source/target/release/weave-gate /

# This image has no entry point: a runner starts the shell, and its script names the command.
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
