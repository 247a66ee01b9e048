"""The page: `/debug`, the modules below `/web/`, and livekit-client from node_modules."""

from __future__ import annotations

from pathlib import Path

from aiohttp import hdrs, web

from proxy.api.endpoint import Endpoint
from proxy.api.errors import ApiError
from proxy.api.security import page_policy
from proxy.settings import CHECKOUT, ProxySettings

WEB = CHECKOUT / "web"
MODULES = CHECKOUT / "node_modules"
VENDOR = {
    "livekit-client.mjs": "livekit-client/dist/livekit-client.esm.mjs",
    "livekit-client.esm.mjs.map": "livekit-client/dist/livekit-client.esm.mjs.map",
}
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
# A change in web/ is there on reload; an unchanged file is answered with 304.
CACHING = "no-cache"

FILES = {
    206: "The part that the header Range asks for.",
    304: "It is as the header If-None-Match or If-Modified-Since says.",
    412: "It is not as the header If-Match or If-Unmodified-Since says.",
    416: "It has no such part as the header Range asks for.",
}


class Page:
    """Handlers of everything a browser loads before it uses the API."""

    def __init__(
        self, settings: ProxySettings, web_root: Path = WEB, modules: Path = MODULES
    ) -> None:
        self._livekit_url = settings.livekit_url
        self._web = web_root
        self._modules = modules
        self.endpoints = [
            Endpoint(
                "GET",
                "/",
                self.root,
                "Redirects to the page.",
                "",
                status=302,
            ),
            Endpoint(
                "GET",
                "/debug",
                self.page,
                "The page.",
                "text/html",
                failures={404: "The page's file is missing (PAGE_MISSING)."},
            ),
            Endpoint(
                "GET",
                "/favicon.ico",
                self.icon,
                "The page's icon.",
                "image/svg+xml",
                bare=FILES,
                failures={404: "There is no such file."},
            ),
            Endpoint(
                "GET",
                "/web/vendor/{name}",
                self.vendor,
                "The page's packages.",
                "text/javascript",
                also=("application/json",),
                bare=FILES,
                failures={404: "Not a package of the page, or not installed."},
            ),
            Endpoint(
                "GET",
                "/web/{path:.+}",
                self.file,
                "The page's modules, styles and pictures.",
                "*/*",
                bare=FILES,
                failures={404: "There is no such file."},
            ),
        ]

    async def root(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={hdrs.LOCATION: "/debug"})

    async def page(self, request: web.Request) -> web.StreamResponse:
        try:
            html = (self._web / "index.html").read_text()
        except FileNotFoundError:
            raise ApiError(
                404, "PAGE_MISSING", f"The page's file {self._web.name}/index.html does not exist."
            ) from None
        headers = {
            "Content-Security-Policy": page_policy(html, self._livekit_url),
            hdrs.CACHE_CONTROL: CACHING,
        }
        return web.Response(text=html, content_type="text/html", headers=headers)

    async def icon(self, request: web.Request) -> web.StreamResponse:
        return _served(self._web, "favicon.svg")

    async def vendor(self, request: web.Request) -> web.StreamResponse:
        path = VENDOR.get(request.match_info["name"])
        if path is None:
            raise _missing(request.path)
        if not (self._modules / path).is_file():
            raise ApiError(
                404,
                "PACKAGE_MISSING",
                f"node_modules/{path} does not exist. Run `npm ci` in the checkout, or start the "
                "system by ./restart_voice_system.sh, which does.",
            )
        return _served(self._modules, path)

    async def file(self, request: web.Request) -> web.StreamResponse:
        return _served(self._web, request.match_info["path"])


def _served(root: Path, path: str) -> web.StreamResponse:
    """The file `path` below `root`, as long as it is one, of a known kind, and really there."""
    try:
        found = (root / path).resolve()
        inside = found.is_relative_to(root.resolve()) and found.is_file()
    except (OSError, ValueError):  # too long a name, or one with a zero byte
        inside = False
    if not inside or found.suffix not in TYPES or any(p.startswith(".") for p in Path(path).parts):
        raise _missing(path)
    headers = {hdrs.CACHE_CONTROL: CACHING, hdrs.CONTENT_TYPE: TYPES[found.suffix]}
    return web.FileResponse(found, headers=headers)


def _missing(path: str) -> ApiError:
    return ApiError(404, "NOT_FOUND", f"The page has no file {path[:200]!r}.")
