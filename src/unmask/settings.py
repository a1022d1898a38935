"""`UNMASK_*` environment variables -> `Settings`. Nothing else reads the environment."""

from __future__ import annotations

import os
import re
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from unmask.errors import ConfigurationError
from unmask.types import Precision

__all__ = ["Settings", "load_settings"]


def _split(value: object) -> object:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _origin(value: str) -> str:
    # Nothing that flask-cors would take for a pattern: it looks for those anywhere in an origin.
    origin = value.lower()
    if origin != "*" and not re.fullmatch(r"https?://[a-z0-9_.-]+(:\d+)?", origin, re.ASCII):
        raise ValueError("expected https://page.example or http://host:port, without a path, or *")
    return origin


def _host(value: str) -> str:
    """As a request names it: a port and the brackets of IPv6 are no part of it."""
    try:
        return str(ip_address(value))
    except ValueError:
        found = re.fullmatch(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:\d+)?", value.lower(), re.ASCII)
    if found is None:
        raise ValueError("expected a name such as unmask.example, or an address, and no URL")
    return found[1].strip("[]")


OptionalPath = Annotated[Path | None, BeforeValidator(_none_if_empty)]
"""Set to nothing it is not set: `Path("")` would be the folder the server was started in."""


Seconds = Annotated[float, Field(le=1e9, allow_inf_nan=False)]
"""Up to some thirty years: no calendar and no timer knows what to do with for ever."""

Origin = Annotated[str, AfterValidator(_origin)]
Host = Annotated[str, AfterValidator(_host)]

NOT_SETTINGS = re.compile(
    r"UNMASK_(SKIP_WEB|(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?))", re.IGNORECASE
)
"""What the build reads, and what Kubernetes tells every container of services called unmask….

Its UNMASK_PORT is an address such as tcp://10.0.0.1:5000; a bare number is somebody's mistake.
"""


class Settings(BaseSettings):
    """Every setting with its default. The specification's own names are understood too."""

    model_config = SettingsConfigDict(env_prefix="UNMASK_", extra="ignore", populate_by_name=True)

    model: OptionalPath = Field(
        None,
        validation_alias=AliasChoices("UNMASK_MODEL", "MODEL_PATH"),
        description="weights to use instead of the ones that ship",
    )
    precision: Precision = Field(
        "fp32",
        description="fp32, or int8: faster, the weights NAME-int8.onnx beside NAME.onnx",
    )
    threads: int = Field(0, ge=0, description="threads of the network; 0 means one per core")
    max_memory_bytes: int = Field(
        4 * 1024**3,
        ge=0,
        description="most memory of a server and of each process on its jobs, on Linux; 0: any",
    )
    max_image_bytes: int = Field(
        50 * 1024 * 1024,
        gt=0,
        validation_alias=AliasChoices("UNMASK_MAX_IMAGE_BYTES", "MAX_FILE_SIZE"),
        description="largest picture, in bytes",
    )
    max_image_pixels: int = Field(40_000_000, gt=0, description="largest picture, in pixels")
    max_video_bytes: int = Field(200 * 1024 * 1024, gt=0, description="largest video, in bytes")
    max_video_s: Seconds = Field(7200.0, gt=0, description="longest video, in seconds")
    video_budget_s: Seconds = Field(
        600.0, gt=0, description="time for one video, in seconds; the rest of it is not analysed"
    )
    max_clip_s: Seconds = Field(
        60.0,
        gt=0,
        description="longest video that is answered at once, in seconds; others are jobs",
    )
    max_batch_files: int = Field(100, gt=0, description="most files of one batch request")
    max_batch_bytes: int = Field(
        512 * 1024 * 1024, gt=0, description="largest batch request, in bytes"
    )
    max_concurrent: int = Field(2, gt=0, description="analyses that may run at once in a server")
    max_queued: int = Field(16, ge=0, description="requests that may wait; more get 503")
    data_dir: OptionalPath = Field(
        None, description="private folder of the jobs; by default one in the temporary folder"
    )
    store_url: str | None = Field(
        None,
        description="sqlite:///… or postgresql://… of the results, by default a file in the data "
        "folder; empty: no list of results is kept",
    )
    result_ttl_s: Seconds = Field(
        86400.0, gt=0, description="how long results are kept, in seconds"
    )
    keep_answers: bool = Field(
        True,
        description="put what is answered at once into the list of results too, without pictures",
    )
    picture_ttl_s: Seconds = Field(
        3600.0, ge=0, description="how long pictures that a job was asked for are kept; 0: none are"
    )
    workers: int = Field(1, ge=0, description="processes that work on jobs")
    queue_url: str | None = Field(
        None,
        description="redis://… or postgresql://… of a queue that `unmask worker` serves, instead "
        "of processes of the server",
    )
    job_lease_s: Seconds = Field(
        15.0, ge=2, description="silence of a worker after which others take over its job"
    )
    max_jobs: int = Field(64, gt=0, description="jobs that may wait or run; more get 503")
    max_streams: int = Field(16, gt=0, description="clients that may follow jobs as event streams")
    cors_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)] = Field(
        (),
        validation_alias=AliasChoices("UNMASK_CORS_ORIGINS", "CORS_ORIGINS"),
        description="comma-separated origins allowed to call the API; none by default",
    )
    trusted_hosts: Annotated[tuple[Host, ...], NoDecode, BeforeValidator(_split)] = Field(
        (),
        description="comma-separated names by which the server may be called; any by default, but "
        "where it listens on this machine's own address alone, that",
    )
    log_file_names: bool = Field(False, description="write the names of uploaded files to the log")

    @property
    def has_list(self) -> bool:
        """Whether the server lists its results to those who ask."""
        return self.store_url != ""

    @property
    def n_server_threads(self) -> int:
        """How many threads a server needs: one per place in line or stream, and some always free.

        With fewer, requests would wait where nobody can tell them to come back later, and /health
        behind them. Under gunicorn, which reads bodies in these threads, slow uploads take them all
        the same, unless a proxy before it buffers.
        """
        return self.max_concurrent + self.max_queued + self.max_streams + 4


def load_settings(**overrides: object) -> Settings:
    """Read the environment.

    Raises:
        ConfigurationError: a variable has a value that does not fit, or a name that no setting has;
            the message names it.
    """
    _refuse_unknown()
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        message = f"{_variables(first['loc'])}: {first['msg']} (got {first.get('input')!r})"
        raise ConfigurationError(message) from error


def _refuse_unknown() -> None:
    """A setting with a mistake in its name would be taken for one that was left out."""
    known = list(Settings.model_fields)
    for variable in sorted(os.environ):
        prefix, name = variable[:7].lower(), variable[7:].lower()
        if name == "port" and prefix == "unmask_" and os.environ[variable].isdecimal():
            hint = "the port is `unmask serve --port`, under gunicorn PORT"
            raise ConfigurationError(f"{variable}: no such setting; {hint}")
        if prefix == "unmask_" and name not in known and not NOT_SETTINGS.fullmatch(variable):
            near = get_close_matches(name, known, n=1)
            hint = "did you mean" if near else "unset it; there are"
            names = ", ".join(f"UNMASK_{one.upper()}" for one in near or known)
            raise ConfigurationError(f"{variable}: no such setting; {hint} {names}")


def _variables(location: tuple[int | str, ...]) -> str:
    """What a reader can set to mend an error at `location`: a field, or its first alias."""
    name = str(location[0])
    for field in Settings.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            choices = [str(choice) for choice in field.validation_alias.choices]
            if name in choices:
                return " or ".join(choices)
    return f"UNMASK_{name.upper()}"
