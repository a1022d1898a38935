FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
# Builds the page too; Node comes from PyPI for the time of the build.
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)[gunicorn]" && rm -r /wheels
COPY gunicorn.conf.py /app/
WORKDIR /app
RUN useradd --system --no-create-home unmask
USER unmask
ENV PORT=5000
EXPOSE 5000
HEALTHCHECK --start-period=30s CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=3)"]
CMD ["gunicorn"]
