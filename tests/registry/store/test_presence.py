"""Days of presence as they are stored."""

from __future__ import annotations

import random

from modemagent.registry.store.intake.presence import days_in, mask_of, packed_days


def test_stored_days_are_read_as_they_were() -> None:
    chance = random.Random(1)
    alternating = [*range(0, 366, 2)]
    for days in ([], [365], [*range(366)], alternating, *(alternating[:n] for n in (11, 12))):
        mask = sum(1 << day for day in days)
        assert mask_of(packed_days(mask)) == mask
        assert [*days_in(1970, packed_days(mask))] == days
    for _ in range(300):
        mask = chance.getrandbits(366) | chance.getrandbits(366) << chance.randrange(8)
        mask &= (1 << 366) - 1
        assert mask_of(packed_days(mask)) == mask
        assert len(packed_days(mask)) <= 46
    assert len(packed_days((1 << 366) - 1)) == 4
