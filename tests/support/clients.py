"""Clients that the runs of one process share: making them anew is a third of the time of a run in process."""

from __future__ import annotations

from typing import Any

from ansible_collections.agent_platform.aws.plugins.module_utils.aws import session


def share_clients(monkeypatch: Any) -> None:
    """Until the test ends, whoever asks for the same client with the same configuration gets the one that was made first.

    What a run keeps in a client is its connections and its pace, neither of which the local AWS in process has.
    """
    made: dict[Any, Any] = {}
    sessions: dict[str | None, Any] = {}
    make_client, make_session = session.Connection.client, session._session

    def client(self: Any, service: str, region: str | None = None, **config: Any) -> Any:
        key = (service, region or self.region, self.endpoint_url, repr(sorted(config.items())), repr(sorted(self._connect.items())))
        if key not in made:
            made[key] = make_client(self, service, region, **config)
        return made[key]

    def shared_session(profile: str | None) -> Any:
        if profile not in sessions:
            sessions[profile] = make_session(profile)
        return sessions[profile]

    monkeypatch.setattr(session.Connection, "client", client)
    monkeypatch.setattr(session, "_session", shared_session)
