import pytest
from hypothesis import given
from hypothesis import strategies as st

from neomon.stack.durations import format_duration, parse_duration, scale_duration


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("0", 0), ("15s", 15_000), ("1h30m", 5_400_000), ("5m", 300_000), ("250ms", 250), ("1d", 86_400_000)],
)
def test_reads_what_prometheus_reads(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "m5", "1m1h", "5 m", "-5m", "1.5h", "5mins"])
def test_refuses_what_prometheus_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**12))
def test_formatting_and_reading_are_inverse(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@given(st.integers(min_value=1, max_value=10**9), st.floats(min_value=0.001, max_value=10))
def test_scaling_never_reaches_zero(milliseconds: int, factor: float) -> None:
    scaled = parse_duration(scale_duration(format_duration(milliseconds), factor))
    assert scaled == max(1, round(milliseconds * factor))
