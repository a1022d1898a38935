from __future__ import annotations

import io

import pytest

from unmask.server import create_app
from unmask.server.schemas import KeptVideo
from unmask.settings import Settings


@pytest.fixture
def post(client):
    def post(data: bytes, query: str = "", client=client):
        form = {"file": (io.BytesIO(data), "clip.mp4")}
        return client.post(f"/api/detect/video{query}", data=form)

    return post


def test_a_clip_has_the_fields_of_the_specification_and_of_the_report(post, face_clip, detector):
    response = post(face_clip)
    answer = KeptVideo.model_validate(response.json)
    report = detector.video(face_clip)
    assert response.status_code == 200
    assert answer.p_fake == pytest.approx(report.p_fake, abs=1e-6)
    assert answer.prediction == answer.label == ("FAKE" if report.p_fake > 0.5 else "REAL")
    percent = 100 * max(report.p_fake, 1 - report.p_fake)
    assert answer.confidence == pytest.approx(min(percent, 99.9), abs=0.006)
    assert answer.frames_analyzed == len(answer.frame_predictions) == report.coverage.scored
    scored = [frame for frame in answer.frames if frame.reason is None]
    for prediction, frame in zip(answer.frame_predictions, scored, strict=True):
        p_fake = max(face.p_fake for face in frame.faces)
        assert prediction.frame == frame.index
        assert prediction.prediction == ("FAKE" if p_fake > 0.5 else "REAL")
        assert prediction.confidence == pytest.approx(
            min(100 * max(p_fake, 1 - p_fake), 99.9), abs=0.006
        )
    assert answer.coverage.sampled == len(answer.frames)
    assert answer.path is None
    assert answer.processing_time > 0


@pytest.mark.parametrize("query", ["", "?heatmap=true"])
def test_heat_maps_come_where_they_are_asked_for(post, face_clip, query):
    answer = KeptVideo.model_validate(post(face_clip, query).json)
    maps = [face.heatmap for frame in answer.frames for face in frame.faces]
    assert maps
    assert all((one is not None) == bool(query) for one in maps)


def test_a_video_without_a_face_has_no_probability(post, faceless_clip):
    response = post(faceless_clip)
    answer = KeptVideo.model_validate(response.json)
    assert response.status_code == 200
    assert (answer.verdict, answer.reason) == ("not_analysed", "no_face")
    assert answer.prediction is answer.confidence is answer.p_fake is answer.label is None
    assert (answer.frames_analyzed, answer.frame_predictions, answer.tracks) == (0, [], [])


def test_a_long_video_is_sent_to_the_jobs(post, faceless_clip, detector):
    app = create_app(Settings(max_clip_s=0.5, workers=0), detector)
    response = post(faceless_clip, client=app.test_client())
    assert (response.status_code, response.json["code"]) == (413, "clip_too_long")
    assert "/api/jobs" in response.json["detail"]
    app.extensions["unmask"].jobs.close()


BAD = {
    "text": (b"this is no video\n" * 20, 415, "unsupported_format"),
    "0 bytes": (b"", 422, "undecodable"),
    "playlist": (b"#EXTM3U\nfile:///etc/passwd\n", 415, "unsupported_format"),
}


@pytest.mark.parametrize(("data", "status", "code"), BAD.values(), ids=BAD)
def test_what_is_no_video_is_a_problem(post, client, data, status, code):
    response = post(data)
    assert (response.status_code, response.json["code"]) == (status, code)
    assert client.get("/health").status_code == 200


def test_a_video_is_a_video_whatever_its_name_says(client, faceless_clip):
    data = {"file": (io.BytesIO(faceless_clip), "photo.jpg")}
    response = client.post("/api/detect/video", data=data)
    assert (response.status_code, response.json["kind"]) == (200, "video")


def test_a_photo_is_sent_to_where_photos_are_taken(post, landscape):
    response = post(landscape)
    assert (response.status_code, response.json["code"]) == (415, "unsupported_format")
    assert "/api/detect/image" in response.json["detail"]


def test_half_a_video_is_a_problem(post, face_clip):
    response = post(face_clip[: len(face_clip) // 2])
    assert (response.status_code, response.json["code"]) == (422, "undecodable")


def test_a_video_over_the_limit_of_bytes_is_refused(post, face_clip, detector):
    app = create_app(Settings(max_video_bytes=1000, workers=0), detector)
    response = post(face_clip, client=app.test_client())
    assert (response.status_code, response.json["code"]) == (413, "too_large")
    app.extensions["unmask"].jobs.close()
