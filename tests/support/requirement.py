"""Mark a test with the requirement, guarantee or specification section that it keeps."""

import pytest


def requirement(*ids: str) -> pytest.MarkDecorator:
    return pytest.mark.requirement(*ids)
