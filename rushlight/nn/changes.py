"""One number that tells whether any module has been changed: captured calls look at it (watching.py)."""


class Changes:
    """`count` grows whenever an attribute of a module, a parameter, a child or a hook is set or removed."""

    count = 0
