import pytest

# It is not a test module, but has many assertions.
pytest.register_assert_rewrite("tests.hostile.judge")
