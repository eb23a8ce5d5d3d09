# One image for all services; docker-compose.yml gives each its command.

FROM python:3.13-slim-trixie AS build
COPY requirements.txt /tmp/requirements.txt
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --no-compile \
        --require-hashes --only-binary :all: --requirement /tmp/requirements.txt \
    && /venv/bin/python -m compileall -q /venv/lib

FROM python:3.13-slim-trixie
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin clinic
COPY --from=build /venv /venv
WORKDIR /app
COPY config.yaml ./
COPY clinic clinic
COPY gateway gateway
COPY booking_service booking_service
COPY notification_service notification_service
COPY provisioning provisioning
# A wrong import would otherwise show only when `nameko run` exits, with success.
RUN /venv/bin/python -W ignore -c "import gateway.app, booking_service.service, notification_service.service"
# That nameko imports pkg_resources and eventlet is no news to whoever runs this.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EVENTLET_NO_GREENDNS=yes \
    PYTHONWARNINGS=ignore:pkg_resources,ignore::Warning:nameko.cli.commands
# Volumes that are mounted here are ours to write; see the service "secrets" in docker-compose.yml.
RUN for reader in generated broker database gateway booking_service notification_service; do \
        install -d -o clinic -g clinic -m 0700 "/secrets/$reader"; \
    done
USER 10001:10001
EXPOSE 3000
CMD ["python", "-m", "gateway", "--host", "0.0.0.0", "--port", "3000"]
