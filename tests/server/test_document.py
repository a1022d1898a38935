from __future__ import annotations

import re
from pathlib import Path

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import checks

from unmask.server import openapi_document
from unmask.server.problems import PROBLEMS
from unmask.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
UNDOCUMENTED = {"/openapi.json", "/api/docs"}


def test_it_is_openapi_3_1_and_the_same_as_the_server_gives(client):
    document = openapi_document()
    assert document["openapi"] == "3.1.0"
    assert client.get("/openapi.json").json == document


def test_every_route_of_the_api_is_in_it(app):
    routes = {
        re.sub(r"<(\w+)>", r"{\1}", str(rule))
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith(("page ", "no page"))
    }
    assert routes - UNDOCUMENTED == set(openapi_document()["paths"])


def test_every_reference_leads_somewhere():
    document = openapi_document()
    references = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert references
    assert references <= set(document["components"]["schemas"])


def test_every_field_is_described():
    for name, schema in openapi_document()["components"]["schemas"].items():
        for field, of in schema.get("properties", {}).items():
            assert of.get("description"), f"{name}.{field}"


def test_headers_that_an_integrator_needs_are_in_it():
    for path, methods in openapi_document()["paths"].items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                wanted = {"503": {"Retry-After"}, "202": {"Location"}}.get(status, set())
                assert set(response.get("headers", {})) == wanted, (path, status)


SUCCESSES = {"application/json", "text/event-stream", "image/jpeg"}


def test_failures_are_documented_as_problems_and_nothing_else():
    for path, methods in openapi_document()["paths"].items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                types = set(response.get("content", {}))
                if status == "204":
                    assert not types, path
                elif status.startswith("2"):
                    assert len(types & SUCCESSES) == len(types) == 1, (path, status)
                else:
                    assert types == {"application/problem+json"}, (path, status)


def test_the_docs_page_loads_nothing_and_its_links_lead_somewhere(client):
    response = client.get("/api/docs")
    html = response.text
    assert response.status_code == 200
    assert not re.search(r"<(script|link|img|iframe)\b|url\(|@import|https?://", html)
    ids = set(re.findall(r'\bid="([^"]+)"', html))
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert targets
    assert targets <= ids
    assert set(PROBLEMS) <= ids
    for path in openapi_document()["paths"]:
        assert path in html


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_code_is_in_the_documentation(code):
    row = rf"^\| `{code}` \| {PROBLEMS[code].status.value} \|"
    assert re.search(row, (DOCS / "api.md").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_documentation(name):
    assert f"`UNMASK_{name.upper()}`" in (DOCS / "deployment.md").read_text("utf-8")


@pytest.fixture(scope="module")
def operations(app):
    return schemathesis.openapi.from_wsgi("/openapi.json", app)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (method.upper(), path)
        for path, item in openapi_document()["paths"].items()
        for method in item
    ],
)
@settings(max_examples=15)
@given(data=st.data())
def test_random_requests_get_answers_of_the_document(operations, method, path, data):
    case = data.draw(operations[path][method].as_strategy())
    case.call_and_validate(
        checks=[
            checks.not_a_server_error,
            checks.status_code_conformance,
            checks.content_type_conformance,
            checks.response_schema_conformance,
        ]
    )
