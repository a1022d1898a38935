from __future__ import annotations

import threading
import time

import pytest

from unmask.server.admission import Admission
from unmask.server.problems import RequestError


def test_no_more_run_at_once_than_allowed_and_the_others_wait():
    admission = Admission(2, 10)
    running, most, done = 0, 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal running, most, done
        with admission.slot():
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.01)
            with lock:
                running -= 1
                done += 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (2, 12)


def test_a_place_is_free_again_after_an_error():
    admission = Admission(1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.slot():
            raise ZeroDivisionError
    assert not admission.is_full


def test_a_full_line_refuses_and_stays_as_long_as_it_was():
    admission = Admission(1, 0)
    with admission.slot():
        assert admission.is_full
        for _ in range(3):
            with pytest.raises(RequestError) as refusal, admission.slot():
                pytest.fail("was let in")
            assert (refusal.value.code, refusal.value.retry_after_s) == ("busy", 2)
    with admission.slot():
        pass
