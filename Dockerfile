# Two stages: the first installs from the lock files and builds the wheel, the second has only what runs.
#
#   docker build -t swarmd .
#   docker run --rm -v swarmd:/data swarmd keys create --scopes read,run,admin    (it serves others only with a key)
#   docker run --rm -v swarmd:/data -p 8000:8000 --read-only swarmd
#
# The tool code_interpreter is off in a container that is started so, and GET /v1/tools says why: its sandbox makes user
# namespaces and mounts in them, which Docker's default seccomp profile, and on hosts with AppArmor its default profile,
# refuse to whoever is not CAP_SYS_ADMIN. It is on with
#   --security-opt seccomp=unconfined --security-opt apparmor=unconfined
# (or with profiles that add clone, unshare, mount, umount2, pivot_root and sethostname to the default ones), and where
# the host lets ordinary users make namespaces: on Ubuntu, sysctl kernel.apparmor_restrict_unprivileged_userns=0. Code
# in the sandbox has a seccomp filter of its own then, the service has none: weigh one against the other. It never needs
# --privileged, nor a capability.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/swarmd
# The packages come before the source, so that a change of the source alone installs none of them again.
COPY requirements.lock requirements-build.lock ./
RUN pip --python /opt/swarmd/bin/python install --require-hashes --no-deps -r requirements.lock \
    && pip install --require-hashes --no-deps -r requirements-build.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip --python /opt/swarmd/bin/python install --no-deps --no-index /wheels/*.whl

FROM python:${PYTHON}-slim
LABEL org.opencontainers.image.title="swarmd" \
      org.opencontainers.image.description="Self-hosted swarm-as-a-service" \
      org.opencontainers.image.licenses="Apache-2.0"
# bubblewrap makes the sandbox of code_interpreter; the Python in it is /usr/local/bin/python3. It is not pinned: the
# suite of the base image has one version, with the security fixes of the day.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap \
    && rm -rf /var/lib/apt/lists/*
# The user is named by number for orchestrators that want to see that it is not root.
RUN groupadd --gid 10001 swarmd \
    && useradd --uid 10001 --gid swarmd --home-dir /data --no-create-home --shell /usr/sbin/nologin swarmd \
    && install --directory --owner swarmd --group swarmd --mode 0700 /data
COPY --from=build /opt/swarmd /opt/swarmd
ENV PATH=/opt/swarmd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SWARMD_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
# The database and the files; everything else may be read-only.
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('SWARMD_PORT', '8000')), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["swarmd"]
CMD ["serve", "--host", "0.0.0.0"]
