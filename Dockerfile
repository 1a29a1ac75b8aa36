# One image with all programs of the engine.
#
#   docker build -t job-engine .
#   docker run --rm job-engine job-executor --help
#
# Nothing but the base image is pulled. Behind a proxy, or to build from a base of one's own:
#   docker build --build-arg BASE_IMAGE=my-debian-12 -t job-engine .

# Any Debian 12.
ARG BASE_IMAGE=debian:bookworm-slim
# Where the programs come from: the stage "builder", or an image that holds an install tree in /opt/job-engine.
ARG PROGRAMS=builder

FROM ${BASE_IMAGE} AS configured
COPY deploy/packages /packages
RUN /packages/install build && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cmake --preset release -DJE_BUILD_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/opt/job-engine

FROM configured AS builder
RUN cmake --build build && cmake --install build --strip

FROM ${PROGRAMS} AS programs

FROM ${BASE_IMAGE} AS job-engine
COPY deploy/packages /packages
RUN /packages/install runtime \
 && rm -rf /packages /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/job-engine --create-home job-engine
COPY --from=programs /opt/job-engine /opt/job-engine
ENV PATH=/opt/job-engine/bin:$PATH \
    JOB_LOG_FORMAT=json \
    JOB_TELEMETRY_ADDRESS=0.0.0.0 \
    JOB_TELEMETRY_PORT=9100
USER job-engine
WORKDIR /var/lib/job-engine
VOLUME /var/lib/job-engine
EXPOSE 8200 9100
# Every program answers /healthz there; jobctl finds the port in JOB_TELEMETRY_PORT.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["jobctl", "health", "--timeout", "4s"]
# Passes signals on, and reaps what an action leaves behind.
ENTRYPOINT ["tini", "--"]
CMD ["jobctl", "--help"]
