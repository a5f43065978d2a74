from drf_spectacular.openapi import AutoSchema


class TheirSchema(AutoSchema):
    """A project's own schema class."""

    def get_tags(self):
        return ["theirs"]

    def get_operation_id(self):
        return f"their_{super().get_operation_id()}"
