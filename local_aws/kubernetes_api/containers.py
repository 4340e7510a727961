"""What a pod's container is made of, on this machine: its volumes as directories, its command and environment with the paths of
those in place of where they would be mounted.

No image is pulled: a container whose command is `ansible-playbook` runs that of this interpreter's environment, with this checkout
as the collection that its image would hold. Any other waits for its image for ever.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.kubernetes_api.kinds import BUILT_IN
from local_aws.kubernetes_api.store import Failure, Store

Object = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "ansible-playbook"
KINDS = {kind.kind: kind for kind in BUILT_IN}


class Waiting(Exception):
    """The container cannot start yet; ``reason`` as a kubelet gives it."""

    def __init__(self, reason: str, message: str):
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Container:
    """What is started. ``environment``: all of it."""

    command: list[str]
    environment: dict[str, str]


def prepare(store: Store, pod: Object, folder: Path, given: Mapping[str, str]) -> Container:
    """Writes the volumes below ``folder``. ``given``: what the node adds to the environment. Raises Waiting."""
    spec = pod["spec"]
    if len(spec["containers"]) != 1 or spec.get("initContainers"):
        raise Waiting("ErrImagePull", "the local AWS pulls no image, and runs pods of one container alone")
    container = spec["containers"][0]
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    if not words or words[0] != PROGRAM:
        raise Waiting(
            "ErrImagePull",
            f"the local AWS pulls no image, so that {container['image']} is not here: it runs a container of which the "
            f"command is {PROGRAM}, and no other",
        )
    reader = _Reader(store, pod)
    volumes = {volume["name"]: volume for volume in spec.get("volumes") or ()}
    places, contents = {}, {}
    for mount in container.get("volumeMounts") or ():
        contents[mount["name"]] = reader.files(volumes[mount["name"]])
        places[mount["mountPath"].rstrip("/")] = folder / mount["name"] / mount.get("subPath", "")
    moved = mover(places)
    environment = {name: moved(value) for name, value in reader.environment(container).items()}
    for name, files in contents.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            file = folder / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(_moved(moved, content))
            file.chmod(0o444)
    programs = Path(sys.executable).parent
    around = {
        "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    command = [str(programs / PROGRAM), *map(moved, words[1:])]
    return Container(command, {**around, **given, **environment})


def mover(places: Mapping[str, Path]) -> Callable[[str], str]:
    """Text -> the same with each path of ``places``, and what is below it, where it lies on this machine."""
    if not places:
        return lambda text: text
    paths = "|".join(re.escape(path) for path in sorted(places, key=len, reverse=True))
    # In one pass, since what is put in place may hold such a path itself; and none that is the middle of another.
    pattern = re.compile(rf"(?<![\w.+/-])({paths})(?=/|[^\w.+-]|$)")
    return lambda text: pattern.sub(lambda found: str(places[found[1]]), text)


def _moved(moved: Callable[[str], str], content: bytes) -> bytes:
    try:
        return moved(content.decode()).encode()
    except UnicodeDecodeError:
        return content


class _Reader:
    """Of ConfigMaps and Secrets in the pod's namespace, what the pod refers to. Raises Waiting for what is not there."""

    def __init__(self, store: Store, pod: Object):
        self.store, self.pod = store, pod

    def held(self, kind: str, name: str, reason: str) -> dict[str, bytes]:
        try:
            item = self.store.find(KINDS[kind], self.pod["metadata"]["namespace"], name)
        except Failure as error:
            raise Waiting(reason, str(error)) from error
        plain = {} if kind == "Secret" else {key: value.encode() for key, value in (item.get("data") or {}).items()}
        coded = item.get("data" if kind == "Secret" else "binaryData") or {}
        return plain | {key: base64.b64decode(value) for key, value in coded.items()}

    def files(self, volume: Object) -> dict[str, bytes]:
        """Path below the volume -> content."""
        if "emptyDir" in volume:
            return {}
        for field, kind, key in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
            if field in volume:
                held = self.held(kind, volume[field][key], "ContainerCreating")
                chosen = volume[field].get("items")
                return {item["path"]: held[item["key"]] for item in chosen} if chosen else held
        raise Waiting("ContainerCreating", f"the local AWS has no volume such as {volume['name']}")

    def environment(self, container: Object) -> dict[str, str]:
        found: dict[str, str] = {}
        for source in container.get("envFrom") or ():
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    held = self.held(kind, source[field]["name"], "CreateContainerConfigError")
                    found |= {source.get("prefix", "") + key: value.decode() for key, value in held.items()}
        for variable in container.get("env") or ():
            found[variable["name"]] = self._value(variable)
        return found

    def _value(self, variable: Object) -> str:
        source = variable.get("valueFrom")
        if not source:
            return variable.get("value", "")
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if field in source:
                name, key = source[field]["name"], source[field]["key"]
                held = self.held(kind, name, "CreateContainerConfigError")
                if key not in held:
                    raise Waiting("CreateContainerConfigError", f"couldn't find key {key} in {kind} {name}")
                return held[key].decode()
        path = source.get("fieldRef", {}).get("fieldPath", "")
        fields = {
            "metadata.name": self.pod["metadata"]["name"],
            "metadata.namespace": self.pod["metadata"]["namespace"],
            "spec.serviceAccountName": self.pod["spec"].get("serviceAccountName", "default"),
        }
        if path not in fields:
            raise Waiting("CreateContainerConfigError", f"the local AWS knows no value for {variable['name']}")
        return fields[path]
