"""Addresses of our own pages."""

from urllib.parse import quote, urlencode


def tag_page(base_url: str, registry: str, repository: str, tag: str) -> str:
    return f"{base_url}/tag?{urlencode({'registry': registry, 'repository': repository, 'tag': tag})}"


def digest_page(base_url: str, digest: str) -> str:
    return f"{base_url}/digests/{quote(digest, safe=':')}"


def delivery_page(base_url: str, identity: str) -> str:
    return f"{base_url}/deliveries/{identity}"
