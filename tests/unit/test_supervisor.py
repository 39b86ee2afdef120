import signal
import socket
import threading

import pytest

from dashboard import supervisor
from dashboard.child import REFUSED
from dashboard.hosts import refuse_network
from dashboard.supervisor import RestartPolicy, _listen
from data.errors import InvalidInput


def test_a_child_that_lived_long_starts_again_at_once() -> None:
    policy = RestartPolicy(quick=20, limit=3, delays=(0.0, 0.5, 2.0))
    assert [policy.next_start(1, 60) for _ in range(5)] == [0.0] * 5


def test_three_quick_ends_in_a_row_are_too_many() -> None:
    policy = RestartPolicy(quick=20, limit=3, delays=(0.0, 0.5, 2.0))
    assert [policy.next_start(1, 2) for _ in range(3)] == [0.5, 2.0, None]


def test_a_long_life_makes_quick_ends_forgotten() -> None:
    policy = RestartPolicy(quick=20, limit=3, delays=(0.0, 0.5, 2.0))
    assert [policy.next_start(1, lifetime) for lifetime in (2, 2, 60, 2, 2)] == [0.5, 2.0, 0.0, 0.5, 2.0]


def test_a_killed_child_always_comes_back() -> None:
    policy = RestartPolicy(quick=20, limit=3, delays=(0.0, 0.5, 2.0))
    assert [policy.next_start(-signal.SIGKILL, 1) for _ in range(10)] == [0.0] * 10


def test_a_long_life_ended_by_a_kill_makes_quick_ends_forgotten_too() -> None:
    policy = RestartPolicy(quick=20, limit=3, delays=(0.0, 0.5, 2.0))
    ends = ((1, 2), (1, 2), (-signal.SIGKILL, 3600), (1, 2), (1, 2))
    assert [policy.next_start(*end) for end in ends] == [0.5, 2.0, 0.0, 0.5, 2.0]


def test_a_child_that_refuses_its_settings_is_not_tried_again() -> None:
    assert RestartPolicy().next_start(REFUSED, 1000) is None


def test_a_port_that_a_killed_server_still_holds_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        threading.Timer(0.3, holder.close).start()
        with _listen("127.0.0.1", port) as listener:
            assert listener.getsockname()[1] == port
            monkeypatch.setattr(supervisor, "_PORT_PATIENCE", 0.0)
            with pytest.raises(InvalidInput, match=f"Cannot serve on 127.0.0.1:{port}: Address already in use"):
                _listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org"])
def test_no_process_serves_the_network(host: str) -> None:
    with pytest.raises(InvalidInput, match="until accounts exist"):
        refuse_network(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_this_machine_is_served(host: str) -> None:
    refuse_network(host)
