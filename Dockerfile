FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV=/opt/bff
RUN uv venv "$VIRTUAL_ENV"
WORKDIR /src
# requirements-otel.lock: an image that can record traces (docs/logs-and-traces.md).
ARG LOCK=requirements.lock
COPY ${LOCK} ./
RUN uv pip install --require-hashes -r ${LOCK}
COPY . .
RUN uv pip install --no-deps --build-constraints requirements-dev.lock .

# One image for all parts. No init process in it: the exec form makes `bff` process 1, which handles SIGTERM
# itself and starts no other process. It writes no file, so the file system may be read-only.
FROM python:3.13-slim
COPY --from=build /opt/bff /opt/bff
ENV PATH=/opt/bff/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 8000
CMD ["bff", "gateway", "--host", "0.0.0.0", "--port", "8000"]
