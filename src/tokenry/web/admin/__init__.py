"""The admin listener: health, readiness and metrics for machines, and the admin API for operators.

`endpoint` is what every act goes through: operator token, duty, audit of refusals, rendering. Each
other file holds a group of acts; `application` lists them all with the duty each needs. Refuses to
be reached from the public listener.
"""

from tokenry.web.admin.application import Administration, admin_application

__all__ = ["Administration", "admin_application"]
