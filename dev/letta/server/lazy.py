"""Stand-ins for the parts of Letta that most servers never use, imported when one is first needed.

Readers of office documents, Google's models, MCP clients and the tool sandbox bring a dozen large
packages with them: a quarter of Letta's memory and a third of its start. While `standing_in()`
holds, importing one of the modules below yields a module whose every name is a stand-in class, and
calling that yields a stand-in object. Later, a stand-in becomes the real thing when it is called,
when something is read from it, or when an instance is looked for.
"""

# mypy: ignore-errors
# Runs in Letta's own environment, whose packages the type checker does not see.

import importlib
import importlib.machinery
import sys
import types
from contextlib import contextmanager

MODULES = {
    "letta.interfaces.gemini_streaming_interface",
    "letta.llm_api.google_vertex_client",
    "letta.services.file_processor.file_processor",
    "letta.services.file_processor.parser.markitdown_parser",
    "letta.services.file_processor.parser.mistral_parser",
    "letta.services.helpers.tool_execution_helper",
    "letta.services.mcp.fastmcp_client",
    "letta.services.mcp.server_side_oauth",
}


class _StandIn(type):
    """The type of stand-ins: classes named like what they stand for."""

    def __call__(cls, *arguments, **named):
        if isinstance(sys.modules.get(cls.__module__), _Module):
            return _Object(cls, arguments, named)
        return real(cls)(*arguments, **named)

    def __getattr__(cls, name):
        if name.startswith("__"):  # pydantic and typing look for many; none of them matters here
            raise AttributeError(name)
        return getattr(real(cls), name)

    def __instancecheck__(cls, instance):
        return isinstance(instance, real(cls))


def real(stand_in):
    """What a stand-in stands for."""
    return getattr(importlib.import_module(stand_in.__module__), stand_in.__name__)


class _Object:
    """What a stand-in class made while its module was one, too."""

    def __init__(self, cls, arguments, named):
        self.__dict__["_voice_make"] = lambda: real(cls)(*arguments, **named)

    def __getattr__(self, name):
        if "_voice_made" not in self.__dict__:
            self.__dict__["_voice_made"] = self.__dict__["_voice_make"]()
        return getattr(self.__dict__["_voice_made"], name)


class _Module(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _StandIn(name, (), {"__module__": self.__name__})


class _Finder:
    """Finds our modules in the place of the real ones; both finder and loader."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name in MODULES else None

    def create_module(self, spec):
        return _Module(spec.name)

    def exec_module(self, module):
        pass


@contextmanager
def standing_in():
    """Inside, the modules are stand-ins; afterwards whoever imports them gets the real ones."""
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in MODULES:
            if isinstance(sys.modules.get(name), _Module):
                del sys.modules[name]
                package, _, last = name.rpartition(".")
                vars(sys.modules[package]).pop(last, None)
