"""Arrays of a file in our layouts."""

import numpy as np
import pytest

from workers.ladd.importers.arrays import stored_number


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_number_comes_out_as_the_decimal_it_stands_for(dtype: type[np.floating]) -> None:
    assert stored_number(np.array(0.02, dtype)) == 0.02
    assert stored_number(np.array([0.02], dtype)) == 0.02
