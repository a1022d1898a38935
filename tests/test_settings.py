"""The environment in, settings out, or an error that names the variable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unmask.errors import ConfigurationError
from unmask.settings import Settings, load_settings

SPEC_NAMES = {"MODEL_PATH", "MAX_FILE_SIZE", "CORS_ORIGINS"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("UNMASK_") or name in SPEC_NAMES:
            monkeypatch.delenv(name)


def test_defaults() -> None:
    settings = load_settings()
    assert settings.model is None
    assert settings.max_image_bytes == 50 * 1024 * 1024
    assert settings.max_image_pixels == 40_000_000
    assert settings.cors_origins == ()


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("UNMASK_MODEL", "weights.onnx", "model", Path("weights.onnx")),
        ("MODEL_PATH", "weights.onnx", "model", Path("weights.onnx")),
        ("UNMASK_MAX_IMAGE_BYTES", "1000", "max_image_bytes", 1000),
        ("MAX_FILE_SIZE", "1000", "max_image_bytes", 1000),
        ("UNMASK_CORS_ORIGINS", "https://a.example", "cors_origins", ("https://a.example",)),
        (
            "CORS_ORIGINS",
            "https://a.example, https://b.example,",
            "cors_origins",
            ("https://a.example", "https://b.example"),
        ),
        ("CORS_ORIGINS", "", "cors_origins", ()),
        ("CORS_ORIGINS", "HTTP://Page.example:8080", "cors_origins", ("http://page.example:8080",)),
        ("CORS_ORIGINS", "*", "cors_origins", ("*",)),
        (
            "UNMASK_TRUSTED_HOSTS",
            "Unmask.example:8443,[::1]:5000,0::1,10.0.0.7",
            "trusted_hosts",
            ("unmask.example", "::1", "::1", "10.0.0.7"),
        ),
        ("UNMASK_MODEL", "", "model", None),
        ("UNMASK_DATA_DIR", "", "data_dir", None),
        ("UNMASK_PRECISION", "int8", "precision", "int8"),
        ("UNMASK_THREADS", "2", "threads", 2),
        ("UNMASK_LOG_FILE_NAMES", "true", "log_file_names", True),
    ],
)
def test_variables(
    variable: str, text: str, field: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    assert getattr(load_settings(), field) == value


def test_our_name_goes_before_the_specifications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_FILE_SIZE", "1")
    monkeypatch.setenv("UNMASK_MAX_IMAGE_BYTES", "2")
    assert load_settings().max_image_bytes == 2


def test_an_argument_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMASK_THREADS", "2")
    monkeypatch.setenv("MAX_FILE_SIZE", "1")
    settings = load_settings(threads=3, max_image_bytes=7)
    assert (settings.threads, settings.max_image_bytes) == (3, 7)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("MAX_FILE_SIZE", "50MB"),
        ("UNMASK_MAX_IMAGE_BYTES", "0"),
        ("UNMASK_THREADS", "-1"),
        ("UNMASK_PRECISION", "int4"),
        ("UNMASK_MAX_QUEUED", "many"),
        ("UNMASK_LOG_FILE_NAMES", "maybe"),
        ("UNMASK_RESULT_TTL_S", "inf"),
        ("UNMASK_MAX_VIDEO_S", "1e12"),
        ("CORS_ORIGINS", "https://*.example.com"),
        ("CORS_ORIGINS", "https://page.example/"),
        ("CORS_ORIGINS", "page.example"),
        ("CORS_ORIGINS", "https://page.example|https://b.example"),
        ("UNMASK_TRUSTED_HOSTS", "https://unmask.example"),
        ("UNMASK_TRUSTED_HOSTS", "["),
        ("UNMASK_TRUSTED_HOSTS", "*"),
    ],
)
def test_a_wrong_value_is_an_error_that_names_the_variable(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert variable in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("UNMASK_PRECISON", "UNMASK_PRECISON: no such setting; did you mean UNMASK_PRECISION"),
        ("UNMASK_STORE_URI", "UNMASK_STORE_URI: no such setting; did you mean UNMASK_STORE_URL"),
        ("unmask_thread", "unmask_thread: no such setting; did you mean UNMASK_THREADS"),
        ("UNMASK_PORT", "UNMASK_PORT: no such setting; the port is `unmask serve --port`"),
        ("UNMASK_XYZ", "UNMASK_XYZ: no such setting; unset it; there are UNMASK_MODEL, "),
    ],
)
def test_a_wrong_name_is_an_error_that_names_the_right_one(
    variable: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "variable",
    [
        "unmask_model",
        "UNMASK_SKIP_WEB",
        "UNMASK_SERVICE_HOST",
        "UNMASK_SERVICE_PORT",
        "UNMASK_SERVICE_PORT_HTTP",
        "UNMASK_PORT",
        "UNMASK_PORT_5000_TCP",
        "UNMASK_PORT_5000_TCP_ADDR",
        "UNMASK_WEB_SERVICE_HOST",
        "UNMASK_WEB_PORT_80_TCP_PROTO",
    ],
)
def test_what_others_set_is_no_mistake(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The build, and Kubernetes in every container beside a service called unmask."""
    monkeypatch.setenv(variable, "tcp://10.0.0.1:5000")
    load_settings()


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
