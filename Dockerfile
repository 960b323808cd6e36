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

# What is below is read by `cargo xtask images --carrel` too, which makes the same image without Docker.
FROM scratch
LABEL org.opencontainers.image.title="Carrel"
LABEL org.opencontainers.image.description="Notebooks, volumes, TensorBoards and the teams that use them, as a service on any Kubernetes"
LABEL org.opencontainers.image.version="0.1.0"
LABEL org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /usr/local/bin/carrel /carrel
# By number, as the kubelet cannot tell from a name whether it is root.
USER 65532:65532
ENTRYPOINT ["/carrel"]
