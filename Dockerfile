# The service, and with other arguments a worker; see docs/operating.md. Everything in it is pinned by requirements.txt,
# or for graphics cards by --build-arg LOCK=requirements-gpu.txt, but the base: pin that by its digest where images must
# be the same for ever (--build-arg BASE=debian@sha256:…).
ARG BASE=docker.io/library/debian:12-slim

FROM ${BASE} AS python
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/*

FROM python AS packages
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/venv
ARG LOCK=requirements.txt
COPY ${LOCK} lock.txt
RUN /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r lock.txt

FROM python
COPY --from=packages /opt/venv /opt/venv
WORKDIR /opt/selfie2anime
COPY LICENSE NOTICE ./
COPY bots bots
COPY config config
COPY inference inference
COPY storage storage
COPY ugatit ugatit
# Its root file system may be read-only, so what Python would write beside the code is written now.
RUN /opt/venv/bin/python -m compileall -q bots config inference storage ugatit \
    && mkdir /data && chown 10001:10001 /data
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    WEB_HOST=0.0.0.0 \
    DATABASE_PATH=/data/selfie2anime.db \
    STORAGE_URL=file:/data/objects
USER 10001:10001
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m"]
CMD ["bots"]
