import pytest

# Which is no test module itself, but full of assertions.
pytest.register_assert_rewrite("tests.hostile.judge")
