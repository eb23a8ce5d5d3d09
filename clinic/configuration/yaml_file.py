"""Reads YAML with `${VARIABLE:default}` as nameko does, without loading nameko.

The gateway reads the same file as the services, but does not use nameko. nameko's rules: defaults
may contain variables; values of variables are not expanded again; the result is parsed as YAML
unless the tag is `!raw_env_var`.
"""

from __future__ import annotations

import os
import re
from functools import partial
from typing import Any

import regex
import yaml

_VARIABLE = regex.compile(r"\$\{(?P<name>[^{}:\s]+)(?::(?P<default>(?:[^{}]|\{(?&default)\})*))?\}")
_HAS_VARIABLE = re.compile(r".*\$\{.*\}.*")


class _Loader(yaml.SafeLoader):
    pass


def load_yaml(path: str) -> Any:
    """Raises: OSError, ValueError, yaml.YAMLError."""
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, _Loader)  # noqa: S506, a safe loader


def _expand(match: regex.Match[str]) -> str:
    value = os.environ.get(match["name"])
    return _VARIABLE.sub(_expand, match["default"] or "") if value is None else value


def _construct(loader: yaml.SafeLoader, node: yaml.ScalarNode, *, is_raw: bool) -> Any:
    text = _VARIABLE.sub(_expand, loader.construct_scalar(node))
    return text if is_raw else yaml.safe_load(text)


_Loader.add_implicit_resolver("!env_var", _HAS_VARIABLE, None)
_Loader.add_constructor("!env_var", partial(_construct, is_raw=False))
_Loader.add_constructor("!raw_env_var", partial(_construct, is_raw=True))
