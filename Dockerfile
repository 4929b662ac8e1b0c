# The registry as one image: web, worker and beat are the same code with another command.

FROM python:3.12-slim AS build
WORKDIR /srv/registry
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy
RUN python -m venv /opt/venv
COPY requirements/uv.txt requirements/runtime.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
    && uv pip sync --no-cache --python /opt/venv/bin/python --require-hashes --compile-bytecode \
        requirements/runtime.txt
COPY . .
# Static files carry a hash in their name. Nothing of these values stays in the image.
RUN rm -rf demo tests bench \
    && export REGISTRY_ENV=production SECRET_KEY=build IDENTITY_MASTER_KEY=00 BLIND_INDEX_KEY=00 \
        LINK_KEY=00 ALLOWED_HOSTS=build SITE_URL=https://build EMAIL_HOST=build \
    && /opt/venv/bin/python manage.py build_assets \
    && /opt/venv/bin/python manage.py compile_translations \
    && /opt/venv/bin/python manage.py collectstatic --no-input --verbosity 0

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    REGISTRY_ENV=production DATA_DIR=/data
RUN groupadd --gid 10001 registry \
    && useradd --uid 10001 --gid registry --home-dir /data --shell /usr/sbin/nologin registry \
    && install -d -o registry -g registry -m 0700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/registry /srv/registry
WORKDIR /srv/registry
USER registry
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "docker/healthcheck.py"]
CMD ["gunicorn", "registry.wsgi", "--bind", "0.0.0.0:8000"]
