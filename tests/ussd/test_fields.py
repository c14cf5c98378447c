"""The reader of forms, beside the standard library's."""

import re
from urllib.parse import unquote_to_bytes, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ussd import fields
from ussd.exchange import Malformed

LETTERS = st.text(alphabet="%+=_ \r\n0123456789aFfe٣س\u200cx~.-", max_size=30)
BROKEN = re.compile("%(?![0-9A-Fa-f]{2})")


@given(LETTERS)
@example("%")
@example("%\r\nfoo\n41")
@example("=41")
@example("%3d%41_")
def test_a_value_is_read_as_the_standard_library_reads_it(value: str) -> None:
    wanted: str | None
    try:
        wanted = None if BROKEN.search(value) else unquote_to_bytes(value.replace("+", " ")).decode()
    except UnicodeDecodeError:
        wanted = None
    if wanted is None:
        with pytest.raises(Malformed):
            fields.form(f"name={value}")
    else:
        assert fields.form(f"name={value}") == {"name": wanted}


@given(st.dictionaries(st.text(), st.text(), max_size=8))
def test_what_is_written_is_read(members: dict[str, str]) -> None:
    sent = {name: value for name, value in members.items() if is_unicode(name + value)}
    assert fields.form(urlencode(sent)) == sent


def is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
