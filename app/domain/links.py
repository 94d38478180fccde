"""Addresses of our own pages."""

from urllib.parse import urlencode


def tag_page(base_url: str, registry: str, repository: str, tag: str) -> str:
    return f"{base_url}/tag?{urlencode({'registry': registry, 'repository': repository, 'tag': tag})}"
