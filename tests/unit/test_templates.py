"""Templates print, and do nothing that takes long: what is allowed, what is refused, and what hostile values become."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tellings import MOVED, TOLD, told

from app.domain.fields import NAMES, SAMPLES, fields
from app.domain.told import Told
from app.settings.templates import MOST_CHARACTERS, InvalidTemplateError, RenderError, Template


def rendered(text: str, *changes: Told) -> str:
    return Template.parse(text, NAMES).render(fields(changes or (MOVED,)))


def test_what_a_template_can_print() -> None:
    assert rendered("{{ repository }}:{{ tag }}") == "shop/web:stable"
    assert rendered("{{ image }}") == f"registry.example:5000/shop/web@{MOVED.after}"
    assert rendered("{{ digest[7:19] | upper }}") == MOVED.after[7:19].upper()
    assert rendered("{% if tag is none %}none{% else %}{{ tag }}{% endif %}", told(tag=None)) == "none"
    assert rendered("[{{ tag }}]", told(tag=None)) == "[]"
    assert rendered("{{ tag | default('x', true) }}", told(tag=None)) == "x"
    assert rendered("{{ 'new' if kind == 'created' else 'moved' }}") == "moved"
    assert rendered("{{ tags | join(',') }}", MOVED, told(tag="v2"), MOVED) == "stable,v2"
    loop = "{% for one in changes %}{{ loop.index }}={{ one.tag }};{% endfor %}"
    assert rendered(loop, MOVED, told(tag="v2")) == "1=stable;2=v2;"


@pytest.mark.parametrize(
    "text",
    [
        "{{ range(9) }}",
        "{{ 'a' * 999999999 }}",
        "{{ 'a' ~ 2 ** 99999 }}",
        "{{ '%9999999d' % 1 }}",
        "{{ tag.ljust(999999999) }}",
        "{{ tag | center(999999999) }}",
        "{{ tag | replace('a', 'aa') }}",
        "{{ changes | tojson(indent=999999) }}",
        "{{ tag | tojson | tojson }}",
        "{{ tags | join(tags | join('x')) }}",
        "{% for a in changes %}{% for b in changes %}x{% endfor %}{% endfor %}",
        "{% for a in [1, 2] %}x{% endfor %}",
        "{% for a in changes recursive %}{{ loop(a) }}{% endfor %}",
        "{% set a = tag ~ tag %}",
        "{% macro a() %}x{% endmacro %}",
        "{% include 'x' %}",
        "{% extends 'x' %}",
        "{% import 'x' as x %}",
        "{{ self }}",
        "{{ cycler }}",
        "{{ loop.index }}",
        "{{ tag",
        "{% endif %}",
        "(" * 5 + "{{ " + "(" * 4000 + " }}",
        "x" * 20_000,
    ],
)
def test_what_could_take_long_or_leave_the_sandbox_is_no_template(text: str) -> None:
    with pytest.raises(InvalidTemplateError):
        Template.parse(text, NAMES)


@pytest.mark.parametrize("text", ["{{ tag.__class__ }}", "{{ tag['__class__'] }}", "{{ tag.x }}", "{{ tag[99] }}"])
def test_what_only_shows_when_it_runs_is_a_render_error(text: str) -> None:
    with pytest.raises(RenderError):
        rendered(text)


def test_a_mistake_names_its_line_and_what_is_known() -> None:
    with pytest.raises(InvalidTemplateError, match=r"^line 3 of the template: no field is called .digset"):
        Template.parse("a\n{{ tag }}\n{{ digset }}", NAMES)


def test_output_is_bounded() -> None:
    many = [told(actor="x" * 1000)] * (MOST_CHARACTERS // 1000 + 1)
    with pytest.raises(RenderError, match="more than"):
        rendered("{% for one in changes %}{{ one.actor }}{% endfor %}", *many)


def test_json_wants_every_value_through_tojson() -> None:
    for text in ('{"a": "{{ tag }}"}', "{{ tag }}", '{"a": {{ tag | tojson ~ "x" }}}', "{{ 1 }}"):
        with pytest.raises(InvalidTemplateError, match="tojson"):
            Template.parse(text, NAMES, json=True)


@given(change=TOLD)
def test_no_value_leaves_its_place_in_json(change: Told) -> None:
    template = Template.parse('{"who": {{ actor | tojson }}, "all": {{ changes | tojson }}}', NAMES, json=True)
    made = json.loads(template.render(fields([change])))
    assert made["who"] == change.actor
    assert made["all"][0]["repository"] == change.repository
    assert set(made) == {"who", "all"}


@given(change=TOLD, text=st.text())
def test_a_value_is_never_read_as_a_template(change: Told, text: str) -> None:
    hostile = told(actor="{{ 7 * 7 }}" + text)
    assert rendered("{{ actor }}", hostile) == "{{ 7 * 7 }}" + text


@given(text=st.text(alphabet="{}%|~()[]'\".,:-+* \nabcdefghijklmnopqrstuvwxyz0123456789", max_size=60))
def test_any_text_is_a_template_or_says_why_not(text: str) -> None:
    try:
        template = Template.parse(text, NAMES)
    except InvalidTemplateError as error:
        assert str(error).startswith("line ")
        return
    for sample in SAMPLES:
        try:
            assert isinstance(template.render(fields(sample)), str)
        except RenderError as error:
            assert str(error)
