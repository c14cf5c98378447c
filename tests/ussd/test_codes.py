import pytest

from ussd.codes import opening, service_code, split_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("*733#", "*733#"),
        ("733", "*733#"),
        ("*733", "*733#"),
        ("711*2", "*711*2#"),
        ("*123#1#", "*123#"),
        ("", ""),
        ("#", ""),
        ("*", ""),
        ("n383he9", ""),
        ("*733*#", ""),
        ("۷۳۳", ""),
        ("1" * 17, ""),
        ("*1234567890123456" * 4 + "#", ""),
    ],
)
def test_a_service_code_is_written_one_way(text: str, code: str) -> None:
    assert service_code(text) == code


@pytest.mark.parametrize(
    ("dialled", "known", "found"),
    [
        ("*733*2*1#", "", ("*733#", "*2*1#")),
        ("*733*2*1#", "*733#", ("*733#", "*2*1#")),
        ("*733*2*1#", "*733*2#", ("*733*2#", "*1#")),
        ("*7334#", "*733#", ("*7334#", "#")),
        ("hello", "*733#", None),
        ("*", "", None),
    ],
)
def test_the_code_is_split_off(dialled: str, known: str, found: tuple[str, str] | None) -> None:
    assert split_code(dialled, known) == found


@pytest.mark.parametrize(
    ("typed", "named", "configured", "opened"),
    [
        ("*733#", "", "", ("*733#", "")),
        ("*733*2*1#", "", "", ("*733#", "2*1")),
        ("", "733", "*1#", ("*733#", "")),
        ("", "", "*733#", ("*733#", "")),
        ("", "", "", ("", "")),
        ("2*1", "", "*733#", ("*733#", "2*1")),
    ],
)
def test_what_a_dialog_begins_with(typed: str, named: str, configured: str, opened: tuple[str, str]) -> None:
    assert opening(typed, named, configured) == opened
