# Carrel's image: one static binary and nothing else, so no shell and no packages to keep up to date.
#
#   docker build -t registry.example/carrel:0.1.0 .
FROM rust:1.95-bookworm AS build
WORKDIR /carrel
COPY . .
# The target is named so that the flag reaches the binary and not the build's own procedural macros, which cannot be
# linked statically.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/carrel/target \
    target=$(rustc --version --verbose | sed -n 's/^host: //p') && \
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --package carrel --target "$target" && \
    cp "target/$target/release/carrel" /usr/local/bin/carrel

FROM scratch
COPY --from=build /usr/local/bin/carrel /carrel
# By number, as the kubelet cannot tell from a name whether it is root.
USER 65532:65532
ENTRYPOINT ["/carrel"]
