"""Results files -> the tables and figures of the README and the docs.

A document says what it wants between two comments, and this rewrites what stands between them:

    <!-- results:dfdc-test summary -->
    <!-- /results -->

`dfdc-test` is a file of the results folder, the second word a name of `TABLES` or one figure, such
as `frame.auc`, `verdicts.false_alarms`, or `jpeg-50.false_alarms` of degraded pictures, which stays
in its line.
`python -m unmask.evaluation.tables README.md docs/*.md` brings documents up to date.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from unmask.errors import DataError
from unmask.evaluation.results import (
    Estimate,
    Evaluation,
    Level,
    Part,
    Results,
    Stability,
    Verdicts,
    read_results,
    write_text,
)
from unmask.types import Verdict

__all__ = ["TABLES", "render", "update"]

NONE = "\N{EN DASH}"
MARKER = re.compile(r"(<!-- results:(\S+) (\S+) -->)(.*?)(<!-- /results -->)", re.DOTALL)

NAMES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "eer": "equal error rate",
    "tpr_at_fpr_0.01": "fakes caught at 1 % false alarms",
    "tpr_at_fpr_0.05": "fakes caught at 5 % false alarms",
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "false_alarm_rate": "false alarms at p_fake > 0.5",
    "ece": "expected calibration error",
    "brier": "Brier score",
}

RATES = ("false_alarms", "caught", "missed", "inconclusive")
"""Of the verdicts: genuine called likely_fake, fakes called likely_fake and likely_real."""

FLAGGED = ("reals called likely_fake", "fakes called likely_fake")


def render(text: str, folder: Path) -> str:
    """A document's text with every marked part rewritten from the results files of `folder`.

    Raises:
        DataError: no such results file, table or figure, or a marker that is not closed.
    """
    if text.count("<!-- results:") != len(MARKER.findall(text)):
        raise DataError("a results marker is not closed, or does not name a file and a table")

    def rewritten(found: re.Match[str]) -> str:
        opening, name, wanted, _, closing = found.groups()
        results = read_results(folder / f"{name}.json")
        if wanted in TABLES:
            return f"{opening}\n{TABLES[wanted](results)}\n{closing}"
        return f"{opening}{_figure(results, wanted)}{closing}"

    return MARKER.sub(rewritten, text)


def update(documents: Iterable[Path], folder: Path) -> list[Path]:
    """Rewrite documents in place; the ones that changed are returned.

    Raises:
        DataError: see `render`; the message names the document.
    """
    changed = []
    for document in documents:
        try:
            before = document.read_text(encoding="utf-8")
            after = render(before, folder)
        except (OSError, DataError) as error:
            raise DataError(f"{document}: {error}") from error
        if after != before:
            write_text(document, after)
            changed.append(document)
    return changed


def _summary(results: Results) -> str:
    # Where nothing was scored, a column of dashes says so.
    levels = [pair for pair in _levels(results) if pair[1]] or _levels(results)[:1]
    header = ["", *(f"{name} (n = {level['n'] if level else 0:,})" for name, level in levels)]
    rows = [[title, *(_of(level, key) for _, level in levels)] for key, title in NAMES.items()]
    share = _estimate(results["coverage"]["share"])
    what = results["settings"].get("files", "pictures")
    rows.append([f"share of {what} scored", share, *[""] * (len(levels) - 1)])
    return _table(header, rows)


def _confusion(results: Results) -> str:
    level = results["frame"]
    if level is None:
        return "Nothing was scored."
    counts = level["confusion"]
    rows = [
        ["real", f"{counts['true_real']:,}", f"{counts['false_fake']:,}"],
        ["fake", f"{counts['false_real']:,}", f"{counts['true_fake']:,}"],
    ]
    return _table(["", "called REAL", "called FAKE"], rows)


def _parts(key: str, columns: Sequence[str]) -> Callable[[Results], str]:
    figures = ("auc", "accuracy", "tpr_at_fpr_0.01", "ece")

    def table(results: Results) -> str:
        rows = []
        for part in results["sources"] if key == "sources" else results["methods"]:
            level, video = part["frame"], part["video"]
            rows.append(
                [
                    *(str(part.get(column, "")) or NONE for column in columns),
                    *_counts(level),
                    *(_of(level, figure) for figure in figures),
                    _of(video, "auc"),
                    _estimate(part["coverage"]["share"]),
                ]
            )
        titles = [NAMES[figure] for figure in figures]
        header = [*columns, "reals", "fakes", *titles, "video AUC", "share scored"]
        return _table(header, rows)

    return table


def _videos(results: Results) -> str:
    """Both levels and what people are told, of all and of the fakes of each method."""
    whole: Part = {
        "source": "",
        "method": "all",
        "coverage": results["coverage"],
        "frame": results["frame"],
        "video": results["video"],
        "verdicts": _overall(results),
    }
    rows = [
        [
            part["method"] or NONE,
            *_counts(part["video"]),
            _of(part["frame"], "auc"),
            _of(part["video"], "auc"),
            *_flagged(part.get("verdicts")),
            _estimate(part["coverage"]["share"]),
        ]
        for part in [whole, *results["methods"]]
    ]
    header = [
        "method",
        "real videos",
        "fake videos",
        "frame AUC",
        "video AUC",
        *FLAGGED,
        "share scored",
    ]
    return _table(header, rows)


def _splices(results: Results) -> str:
    """Short fakes in genuine videos."""
    splices = results.get("splices")
    if splices is None:
        return "Not measured."
    share = f"{splices['share']:.0%}"
    spliced = [
        *((f"{share} {method}", one) for method, one in splices["methods"].items()),
        (f"{share} fake, all", splices["all"]),
    ]
    rows = [
        [name, f"{one['n']}", _estimate(one["found"]), _estimate(one["pointed"])]
        for name, one in spliced
    ]
    quiet = splices["false_alarms"]
    rows.append(["no fake", f"{quiet['n']}", _estimate(quiet), ""])
    if unreadable := splices.get("unreadable"):
        rows.append(["one cannot be read", f"{unreadable}", "", ""])
    header = ["in a genuine video", "videos", "called likely_fake, at that time"]
    return _table([*header, "most suspicious frame is of the fake"], rows)


def _explanations(results: Results) -> str:
    """Whether heat maps point to what was manipulated."""
    told = results.get("explanations")
    if told is None:
        return "Not measured."
    rows = [
        [name, f"{one['n']:,}", _estimate(one), _number(one["chance"])]
        for name, one in (("all", told["all"]), ("called likely_fake", told["likely_fake"]))
    ]
    rows.append(["cannot be told", f"{told['unknown']:,}", "", ""])
    header = ["fakes", "faces", "hottest place was manipulated", "any place, on average"]
    return _table(header, rows)


def _verdicts(results: Results) -> str:
    rows = [
        [
            _source(verdicts),
            *(_estimate(verdicts[rate]) for rate in RATES),  # type: ignore[literal-required]
            _not_analysed(verdicts),
        ]
        for verdicts in _told(results)
    ]
    header = [
        "source",
        *FLAGGED,
        "fakes called likely_real",
        "inconclusive",
        "not analysed, and not counted",
    ]
    return _table(header, rows)


def _flagged(verdicts: Verdicts | None) -> list[str]:
    """The columns `FLAGGED`; scores of other detectors come without verdicts."""
    return [_estimate(verdicts[rate]) if verdicts else NONE for rate in ("false_alarms", "caught")]


def _overall(results: Results) -> Verdicts | None:
    """The verdicts over all sources."""
    return results["verdicts"][0] if results["verdicts"] else None


def _told(results: Results) -> Sequence[Verdicts]:
    """All and each source; where there is one source, that alone."""
    verdicts = results["verdicts"]
    return verdicts[1:] if len(verdicts) == 2 else verdicts


def _not_analysed(verdicts: Verdicts) -> str:
    of_label = verdicts["counts"].values()
    left_out = sum(counts[Verdict.NOT_ANALYSED.value] for counts in of_label)
    return f"{left_out:,} of {sum(sum(counts.values()) for counts in of_label):,}"


def _genuine(results: Results) -> str:
    """What genuine faces of each source are called, by the label and by the verdict."""
    told = {verdicts["source"]: verdicts for verdicts in results["verdicts"]}
    rows = []
    for part in results["sources"]:
        verdicts = told.get(part["source"])
        called = [verdicts["false_alarms"], verdicts.get("cleared")] if verdicts else [None] * 2
        rows.append(
            [
                part["source"] or NONE,
                _counts(part["frame"])[0],
                _of(part["frame"], "false_alarm_rate"),
                *(_estimate(one) if one else NONE for one in called),
                _estimate(part["coverage"]["share_real"]),
            ]
        )
    header = ["source", "genuine", NAMES["false_alarm_rate"], "called likely_fake"]
    return _table([*header, "called likely_real", "share scored"], rows)


def _flags(results: Results) -> str:
    """How often a flag is right, by how common fakes are."""
    prevalences = [*results["verdicts"][0]["flag_precision"]] if results["verdicts"] else []
    rows = [
        [_source(verdicts), *(_estimate(verdicts["flag_precision"][p]) for p in prevalences)]
        for verdicts in _told(results)
    ]
    return _table(["source", *(f"{100 * float(p):g} % fakes" for p in prevalences)], rows)


def _transfer(results: Results) -> str:
    rows = [
        [
            each["from"] or NONE,
            each["to"] or NONE,
            f"{each['target']:.0%}",
            _estimate(each["false_alarms"]),
            _estimate(each["caught"]),
        ]
        for each in results["transfer"]
    ]
    return _table(["threshold from", "used on", "aim", "false alarms", "fakes caught"], rows)


def _robustness(results: Results) -> str:
    """Each degradation beside the pictures as they are."""
    parts: list[tuple[str, Evaluation | Stability, Verdicts | None, str]] = [
        ("as it is", results, _overall(results), "")
    ]
    for name, stability in results["robustness"].items():
        change = stability["change"].get("auc")
        told = _estimate(change) if change else NONE
        parts.append((name, stability, stability.get("verdicts"), told))
    rows = [
        [
            name,
            _of(part["frame"], "auc"),
            change,
            *_flagged(verdicts),
            _estimate(part["coverage"]["share"]),
        ]
        for name, part, verdicts, change in parts
    ]
    return _table(["pictures", "AUC", "change of AUC", *FLAGGED, "share scored"], rows)


def _comparison(results: Results) -> str:
    comparison = results["comparison"]
    if comparison is None:
        return "Nothing to compare with."
    rows = []
    for key, title in NAMES.items():
        if difference := comparison["figures"].get(key):
            first, second = f"{difference['first']:.3f}", f"{difference['second']:.3f}"
            p_value = _p(difference["p_value"])
            rows.append([title, first, second, _estimate(difference), p_value])
    header = ["", "this", "other", "difference", "p-value (paired bootstrap)"]
    text = _table(header, rows)
    here, there = comparison["first_only"], comparison["second_only"]
    if here or there or not comparison["rows"]:
        text += f"\n\nOn the {comparison['rows']:,} rows that both scored; {here:,} were scored by "
        text += f"this alone, {there:,} by the other alone."
    if delong := comparison["delong"]:
        told = _p(delong["p_value"])
        text += f"\n\nDeLong's test of the AUCs, rows taken as independent: p-value {told}."
    return text


def _origin(results: Results) -> str:
    origin, model = results["origin"], results["model"]
    of_model = f"{model['name']} {model['version']} ({model['sha256'][:12]})" if model else "scores"
    commit = origin["commit"] or "unknown"
    return (
        f"From `{results['name']}.json`: {of_model}, commit {commit[:12]}, "
        f"{origin['machine']['processor']}, {origin['created'][:10]}."
    )


TABLES: Mapping[str, Callable[[Results], str]] = {
    "summary": _summary,
    "confusion": _confusion,
    "methods": _parts("methods", ("source", "method")),
    "sources": _parts("sources", ("source",)),
    "videos": _videos,
    "splices": _splices,
    "explanations": _explanations,
    "verdicts": _verdicts,
    "genuine": _genuine,
    "flags": _flags,
    "transfer": _transfer,
    "robustness": _robustness,
    "comparison": _comparison,
    "origin": _origin,
}


def _figure(results: Results, wanted: str) -> str:
    name, _, figure = wanted.partition(".")
    comparison = results["comparison"]
    if name == "change" and comparison and (change := comparison["figures"].get(figure)):
        return _estimate(change)
    told = {name: part.get("verdicts") for name, part in results["robustness"].items()}
    told["verdicts"] = _overall(results)
    if (verdicts := told.get(name)) and figure in RATES:
        return _estimate(verdicts[figure])  # type: ignore[literal-required]
    level = dict(_levels(results)).get(name)
    if level is None or figure not in level["figures"]:
        known = ", ".join([*TABLES, *(f"frame.{key}" for key in NAMES)])
        raise DataError(f"{results['name']} has no {wanted!r}; there are {known}")
    return _estimate(level["figures"][figure])


def _levels(results: Results) -> list[tuple[str, Level | None]]:
    return [("frame", results["frame"]), ("video", results["video"])]


def _source(verdicts: Verdicts) -> str:
    return verdicts["source"] or "all"


def _counts(level: Level | None) -> list[str]:
    return [f"{level['n_real']:,}", f"{level['n_fake']:,}"] if level else ["0", "0"]


def _of(level: Level | None, figure: str) -> str:
    return _estimate(level["figures"][figure]) if level else NONE


def _estimate(estimate: Estimate) -> str:
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None or low is None or high is None:
        return _number(value)
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"


def _p(value: float | None) -> str:
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [header, ["---"] * len(header), *escaped]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Rewrite the figures of documents.")
    parser.add_argument("documents", nargs="+", type=Path)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    arguments = parser.parse_args()
    try:
        update(arguments.documents, arguments.results)
    except DataError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
