"""URLs are parsed once, and shown without what may be secret in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.outbound.urls import InvalidUrlError, Url, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://hooks.example/services/T0/B0/s3cr3t",
            Url("https", "hooks.example", 443, "/services/T0/B0/s3cr3t"),
        ),
        ("http://HOST:5000", Url("http", "host", 5000, "/")),
        ("https://h/p?q=1#part", Url("https", "h", 443, "/p?q=1")),
        ("https://h?q=1", Url("https", "h", 443, "/?q=1")),
        ("http://[::1]:5000/v2/", Url("http", "::1", 5000, "/v2/")),
        ("https://bücher.example/ä", Url("https", "xn--bcher-kva.example", 443, "/%C3%A4")),
        ("http://deploy_hook/%2e%2E/x", Url("http", "deploy_hook", 80, "/%2e%2E/x")),
    ],
)
def test_parsed(text: str, expected: Url) -> None:
    assert Url.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hooks.example/s3cr3t",
        "ftp://h/s3cr3t",
        "file:///etc/s3cr3t",
        "https:///s3cr3t",
        "https://user:s3cr3t@h/",
        "https://s3cr3t@h/",
        "https://h:99999/s3cr3t",
        "https://h:0/s3cr3t",
        "https://h:x/s3cr3t",
        "https://[::1/s3cr3t",
        "https://[fe80::1%25eth0]/s3cr3t",
        "https://h/s3cr3t\r\nX: y",
        "https://h\\@other/s3cr3t",
        "https://a b/s3cr3t",
        "https://a%2eb/s3cr3t",
        "https://a..b/s3cr3t",
        "https://ä..ö/s3cr3t",
    ],
)
def test_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InvalidUrlError) as caught:
        Url.parse(text)
    assert "s3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert shown(text) == "(unreadable URL)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://hooks.example/services/s3cr3t?token=s3cr3t", "https://hooks.example/…"),
        ("https://hooks.example:8443/?token=s3cr3t", "https://hooks.example:8443/…"),
        ("https://hooks.example", "https://hooks.example"),
        ("http://[::1]:80/x", "http://[::1]/…"),
    ],
)
def test_shown(text: str, expected: str) -> None:
    assert shown(text) == expected
    assert "s3cr3t" not in repr(Url.parse(text))


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("/v2/x?a=1", "http://h:5000/v2/x?a=1"),
        ("y", "http://h:5000/v2/y"),
        ("https://other/z", "https://other/z"),
        ("//other/z", "http://other/z"),
    ],
)
def test_a_reference_is_read_from_where_it_was_found(reference: str, expected: str) -> None:
    assert str(Url.parse("http://h:5000/v2/list").join(reference)) == expected


@given(st.text())
def test_any_text_parses_or_is_refused(text: str) -> None:
    for candidate in (text, f"https://{text}", f"https://h/{text}"):
        try:
            url = Url.parse(candidate)
        except InvalidUrlError:
            continue
        assert Url.parse(str(url)) == url
        assert str(url).isascii()


@given(st.text())
def test_any_reference_joins_or_is_refused(text: str) -> None:
    base = Url.parse("https://h/a/b")
    try:
        joined = base.join(text)
    except InvalidUrlError:
        return
    assert joined.scheme in ("http", "https")
