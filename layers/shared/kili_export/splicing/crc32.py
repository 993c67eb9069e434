"""CRC-32 of contents that are known in parts alone.

A CRC-32 is a polynomial over GF(2), reduced by that of ZIP; its highest power is the lowest bit.
Appending n bytes multiplies it by x to the power of 8n (as zlib's `crc32_combine` does it).
"""

from typing import Final

_POLYNOMIAL: Final = 0xEDB8_8320
_ONE: Final = 1 << 31
_BITS: Final = 32


def combined_crc32(first: int, second: int, second_length: int) -> int:
    """The CRC-32 of two parts one after another, the second of so many bytes."""
    return _product(_power_of_byte(second_length), first) ^ second


def _product(one: int, other: int) -> int:
    product = 0
    while one:
        if one & _ONE:
            product ^= other
        one = (one << 1) & 0xFFFF_FFFF
        other = (other >> 1) ^ _POLYNOMIAL if other & 1 else other >> 1
    return product


def _squares() -> tuple[int, ...]:
    """The powers 8, 16, 32 and so on of x."""
    power = _ONE >> 8
    found = []
    for _ in range(2 * _BITS):
        found.append(power)
        power = _product(power, power)
    return tuple(found)


_SQUARES: Final = _squares()


def _power_of_byte(count: int) -> int:
    """The power 8 * count of x."""
    power = _ONE
    for bit, square in enumerate(_SQUARES[: count.bit_length()]):
        if count >> bit & 1:
            power = _product(square, power)
    return power
